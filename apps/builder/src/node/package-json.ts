import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '@weft/core'
import { buildFailed } from '../failures.ts'

/** The fields of a package.json that a build looks at; unknown ones are of no interest, wrong types are treated as absent. */
export interface PackageJson {
  readonly main?: string
  readonly type?: 'module' | 'commonjs'
  readonly testScript?: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly optionalDependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const stringMap = (value: unknown) =>
  Object.fromEntries(Object.entries(isRecord(value) ? value : {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))

/** Reads the text of a package.json. @throws SyntaxError, TypeError when it is not a JSON object */
export function parsePackageJson(text: string): PackageJson {
  const raw: unknown = JSON.parse(text.replace(/^\uFEFF/, ''))
  if (!isRecord(raw)) throw new TypeError('it is not a JSON object')
  const scripts = isRecord(raw['scripts']) ? raw['scripts'] : {}
  return {
    ...(typeof raw['main'] === 'string' ? { main: raw['main'] } : {}),
    ...(raw['type'] === 'module' || raw['type'] === 'commonjs' ? { type: raw['type'] } : {}),
    ...(typeof scripts['test'] === 'string' ? { testScript: scripts['test'] } : {}),
    dependencies: stringMap(raw['dependencies']),
    devDependencies: stringMap(raw['devDependencies']),
    optionalDependencies: stringMap(raw['optionalDependencies']),
    peerDependencies: stringMap(raw['peerDependencies']),
  }
}

/**
 * The package.json of a source; `dependencies` (Kubeless `--dependencies`) is written in its place when it has none.
 * @throws WeftError `BUILD_FAILED` when it is not valid JSON
 */
export async function packageJsonOf(root: string, dependencies: string | undefined): Promise<PackageJson> {
  const path = join(root, 'package.json')
  const own = await readFile(path, 'utf8').catch(() => undefined)
  if (own === undefined && dependencies !== undefined && dependencies.trim() !== '') await writeFile(path, dependencies)
  const text = own ?? dependencies
  if (text === undefined || text.trim() === '') return parsePackageJson('{}')
  try {
    return parsePackageJson(text)
  } catch (error) {
    throw buildFailed('package.json', `package.json is not valid: ${messageOf(error)}`, 'correct package.json', error)
  }
}
