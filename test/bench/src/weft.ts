import { writeFile } from 'node:fs/promises'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TestPlatform } from '@weft/test-harness'

/** A platform of a benchmark with functions from source. */
export interface BenchPlatform extends AsyncDisposable {
  readonly platform: TestPlatform
  /** Deploys a function of the `fetch` contract and waits until it is proven ready. */
  deploy(name: string, source: string, ...flags: readonly string[]): Promise<void>
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
      async deploy(name, source, ...flags) {
        const file = join(directory, `${name}.mjs`)
        await writeFile(file, source)
        await platform.weftOk(['deploy', name, '--from-file', file, '--runtime', 'fetch', ...flags])
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
