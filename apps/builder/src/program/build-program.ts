import { copyFile, mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ArtifactInput, ArtifactRun } from '@weft/artifacts'
import { buildFailed } from '../failures.ts'
import { listFiles } from '../source/tree.ts'
import type { ProgramBuild } from '../task.ts'
import { dockerfileEnv } from './dockerfile.ts'
import { findProgram } from './find-program.ts'

const MODES = ['classic', 'http', 'streaming', 'serializing', 'static'] as const

/**
 * Makes an artifact of a program: its files as they are, and the command that runs it (`--fprocess`, or what a Dockerfile's ENV says).
 * @throws WeftError `BUILD_FAILED` when there is no command or its program is neither in the source nor on PATH
 */
export async function buildProgram(task: ProgramBuild): Promise<ArtifactInput> {
  const { source, request, runtime, output } = task
  const files = await listFiles(source.root, (path) => path === '.git' || path === '.npmrc')
  const fromDockerfile = files.includes('Dockerfile') ? dockerfileEnv(await readFile(join(source.root, 'Dockerfile'), 'utf8')) : {}
  const env = { ...fromDockerfile, ...request.env }
  const command =
    request.process ?? env['fprocess'] ?? env['function_process'] ?? (source.singleFile === undefined ? runtime.process : commandFor(source.singleFile))
  if (command === undefined || command.trim() === '') throw noCommand(files.includes('Dockerfile'))
  await requireProgram(command, files)
  for (const path of files) {
    await mkdir(dirname(join(output, path)), { recursive: true })
    await copyFile(join(source.root, path), join(output, path))
  }
  const mode = MODES.find((known) => known === env['mode'])
  const run: ArtifactRun = { runtime: runtime.name, contract: 'process', command, ...(mode === undefined ? {} : { mode }) }
  return { directory: output, run, env }
}

const noCommand = (dockerfile: boolean) =>
  dockerfile
    ? buildFailed(
        'program',
        'the Dockerfile names no program (ENV fprocess="…"), and without a container engine it cannot be built',
        'name it with --fprocess; OCI images come in a later version',
      )
    : buildFailed('program', 'no program is named', 'name it with --fprocess, for example: --fprocess "python3 handler.py"')

/** A script alone is run by its interpreter. */
function commandFor(file: string): string | undefined {
  const interpreter = { sh: 'sh', bash: 'bash', py: 'python3', rb: 'ruby', pl: 'perl', js: 'node' }[file.slice(file.lastIndexOf('.') + 1)]
  return interpreter === undefined ? undefined : `${interpreter} ${file}`
}

async function requireProgram(command: string, files: readonly string[]): Promise<void> {
  const program = command.trim().split(/\s+/)[0] ?? ''
  const inSource = files.includes(program.replace(/^\.\//, ''))
  if (inSource || (await findProgram(program)) !== undefined) return
  throw buildFailed(
    'program',
    `the program ${program} is neither in the source nor on PATH of this machine`,
    `install ${program}, or put it into the source and call it ./${program}; images with programs of their own (OCI) come in a later version`,
  )
}
