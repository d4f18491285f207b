import { openApiDocument } from '@weft/gateway'
import { weftProgram } from '../../apps/cli/src/index.ts'
import { analyzePage } from './analyze.ts'
import { cliPage } from './cli.ts'
import { configurationPage } from './configuration.ts'
import { errorsPage } from './errors.ts'
import { fieldsPage } from './fields.ts'
import { metricsPage } from './metrics.ts'

/** Every generated page of `docs/reference/`, by file name. */
export function referencePages(): Readonly<Record<string, string>> {
  return {
    'analyze.md': analyzePage(),
    'cli.md': cliPage(),
    'configuration.md': configurationPage(),
    'errors.md': errorsPage(),
    'fields.md': fieldsPage(),
    'metrics.md': metricsPage(),
    'openapi.json': `${JSON.stringify(openApiDocument(weftProgram.version), null, 2)}\n`,
  }
}
