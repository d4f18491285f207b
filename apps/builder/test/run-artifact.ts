import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ArtifactManifest } from '@weft/artifacts'

/**
 * Loads an artifact's entry in a Node.js of its own, from another directory, and evaluates an expression over `exports` (the module).
 * @returns what the expression gave, through JSON
 */
export async function evaluate(directory: string, manifest: ArtifactManifest, expression: string): Promise<unknown> {
  const entry = JSON.stringify(join(directory, manifest.run.entry ?? ''))
  const code = `const exports = await import(${entry}); console.log(JSON.stringify(await (${expression})))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--enable-source-maps', '--input-type=module', '-e', code], { cwd: '/' })
  return JSON.parse(stdout)
}
