import { resolve } from 'node:path'
import { WeftError } from '@weft/core'
import type { AnalysisFinding } from '@weft/mesh-model/analyze'
import type { WrittenDocument } from '../analyze/documents.ts'
import { GATEWAY_OPTION } from '../cli.ts'
import type { Command, Invocation } from '../command.ts'
import { structured } from '../output/render.ts'
import { listOption, textOption } from './options.ts'

const PATH = '/apis/mesh.weft.dev/v1alpha1/analysis'
/** Exit code when there is an error among the findings. */
const ERRORS_FOUND = 1

/** A finding, and where it stands. */
type Located = AnalysisFinding & { readonly file?: string; readonly line?: number }

/** `weft mesh analyze`. */
export const meshAnalyzeCommand: Command = {
  name: 'mesh analyze',
  summary: 'what is wrong, or surely not meant, in resources: of files, or of the platform',
  description:
    'Without -f: the resources that are there. With -f: the files alone, without a platform; with --platform also: the files as if they were applied to it. Exit code 1: there is an error among the findings. All codes are in docs/reference/analyze.md.',
  options: [
    GATEWAY_OPTION,
    { flags: '-f, --filename <path>', description: 'file or directory', repeat: true },
    { flags: '--platform', description: 'take what is there into account' },
    { flags: '-o, --output <format>', description: 'how to print', choices: ['json', 'yaml'] },
  ],
  examples: ['weft mesh analyze', 'weft mesh analyze -f functions/cold-room', 'weft mesh analyze -f mesh.yaml --platform'],
  run,
}

async function run(invocation: Invocation): Promise<number> {
  const { world, options } = invocation
  const paths = listOption(options, 'filename')
  // Loaded when they are needed: most commands are done sooner than these modules are read.
  const { readDocuments } = await import('../analyze/documents.ts')
  const documents = (await Promise.all(paths.map((path) => readDocuments(resolve(world.cwd, path))))).flat()
  if (paths.length > 0 && documents.length === 0) throw new WeftError('INVALID_VALUE', { field: '--filename', reason: 'there is no resource in it' })
  const findings = (await findingsOf(invocation, paths, documents)).map((finding): Located => located(finding, documents[finding.document], paths.length > 0))
  const format = textOption(options, 'output')
  world.stdout.write(format === undefined ? analysisText(findings) : structured(findings, format))
  return findings.some(({ severity }) => severity === 'error') ? ERRORS_FOUND : 0
}

async function findingsOf(
  { options, client }: Invocation,
  paths: readonly string[],
  documents: readonly WrittenDocument[],
): Promise<readonly AnalysisFinding[]> {
  const values = documents.map(({ value }) => value)
  if (paths.length === 0) return (await client()).json<readonly AnalysisFinding[]>({ method: 'GET', path: PATH })
  if (options['platform'] !== true) return (await import('@weft/mesh-model/analyze')).analyze(values)
  const headers = { 'content-type': 'application/json' }
  return (await client()).json<readonly AnalysisFinding[]>({ method: 'POST', path: PATH, headers, body: JSON.stringify({ documents: values }) })
}

function located(finding: AnalysisFinding, document: WrittenDocument | undefined, inFiles: boolean): Located {
  return document === undefined || !inFiles ? finding : { ...finding, file: document.file, line: document.lineOf(finding.field) }
}

/** What a person reads. */
export function analysisText(findings: readonly Located[]): string {
  if (findings.length === 0) return 'Nothing to say: everything that can be checked is in order.\n'
  return findings
    .map(({ code, name, severity, resource, field, message, help, file, line }) => {
      const place = file === undefined ? '' : ` ${file}:${line ?? 1}`
      const ref = `${resource.kind} ${resource.namespace === undefined ? '' : `${resource.namespace}/`}${resource.name}`
      return `${severity} [${code}]${place} (${ref}) ${name}: ${field === '' ? '' : `${field}: `}${message}\n  ${help}\n`
    })
    .join('')
}
