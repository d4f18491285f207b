import { createHash } from 'node:crypto'
import type { BuildRequest } from '@weft/artifacts/build'
import type { StagedSource } from '../source/stage.ts'
import { readTree } from '../source/tree.ts'

/** Raised with every change of the builder that changes what it makes of the same input. */
export const BUILDER_VERSION = 1

const sorted = (map: object | undefined) => Object.entries(map ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1))

/** Digest of everything that determines a build's result: the files, the fields of the request that count, the builder and what it is made of. */
export async function inputDigest(source: StagedSource, request: BuildRequest, tools: readonly string[]): Promise<string> {
  const { runtime, contract, handler, dependencies, process: command, env, buildArgs, allowScripts } = request
  const hash = createHash('sha256')
  hash.update(
    JSON.stringify([
      BUILDER_VERSION,
      tools,
      runtime,
      contract,
      handler,
      dependencies,
      command,
      sorted(env),
      sorted(buildArgs),
      allowScripts === true,
      source.singleFile,
    ]),
  )
  for (const file of await readTree(source.root)) hash.update(JSON.stringify([file.path, file.executable, file.hash]))
  return `sha256:${hash.digest('hex')}`
}
