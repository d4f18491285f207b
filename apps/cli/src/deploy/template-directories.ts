import { join } from 'node:path'
import type { TemplateDirectories } from '@weft/builder'
import { PACKAGED } from '../assets.ts'

/** Where templates are looked for: `template/` of the directory given, as faas-cli pulls them, then those of Weft. */
export function templateDirectories(base: string): TemplateDirectories {
  return { pulled: join(base, 'template'), ...(PACKAGED === undefined ? {} : { shipped: PACKAGED.templates }) }
}
