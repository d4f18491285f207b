import { writeFile } from 'node:fs/promises'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TestPlatform } from '@weft/test-harness'

/** A platform of a benchmark with functions from source. */
export interface BenchPlatform extends AsyncDisposable {
  readonly platform: TestPlatform
  /** Deploys a function from source (CommonJS or ES module as its text says) and waits until it is proven ready. */
  deploy(name: string, source: string, runtime: string, ...flags: readonly string[]): Promise<void>
}

/** Starts a platform with the text of a `weft.yaml`. */
export async function startWeft(configuration: string): Promise<BenchPlatform> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-bench-'))
  const remove = () => rmSync(directory, { recursive: true, force: true })
  try {
    await writeFile(join(directory, 'weft.yaml'), configuration)
    const platform = await TestPlatform.start({ args: ['--config', join(directory, 'weft.yaml')] })
    return {
      platform,
      async deploy(name, source, runtime, ...flags) {
        const file = join(directory, `${name}.${source.includes('module.exports') ? 'cjs' : 'mjs'}`)
        await writeFile(file, source)
        await platform.weftOk(['deploy', name, '--from-file', file, '--runtime', runtime, ...flags])
      },
      async [Symbol.asyncDispose]() {
        await platform[Symbol.asyncDispose]()
        remove()
      },
    }
  } catch (error) {
    remove()
    throw error
  }
}
