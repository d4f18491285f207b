import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'
import { makeShims, readBlocks, run, TestPlatform } from '@weft/test-harness'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Pages whose blocks are run, and where: at the root of the repository, or in an empty directory as a new user has it. */
const PAGES: readonly (readonly [page: string, where: 'root' | 'empty'])[] = [
  ['docs/guide/cold-room.md', 'root'],
  ['docs/guide/bookinfo.md', 'root'],
  ['docs/guide/security.md', 'root'],
  ['docs/guide/egress.md', 'empty'],
  ['docs/guide/observing.md', 'root'],
  ['docs/guide/progressive-delivery.md', 'empty'],
  ['docs/guide/ingress.md', 'empty'],
  ['README.md', 'empty'],
]

/** Of what the platform wrote, for a block that went otherwise than its page says. */
const SHOWN_CHARACTERS = 1500

describe('what the pages say', () => {
  it.each(PAGES)(
    '%s can be done as it stands',
    async (page, where) => {
      const blocks = readBlocks(await readFile(join(ROOT, page), 'utf8'))
      expect(blocks.length).toBeGreaterThan(2)
      const directory = await mkdtemp(join(tmpdir(), 'weft-page-'))
      await using platform = await TestPlatform.start({ config: '' })
      const env = {
        PATH: `${await makeShims(directory)}:${process.env['PATH'] ?? ''}`,
        HOME: directory,
        WEFT_GATEWAY: platform.gateway,
        WEFT_DATA_DIR: platform.dataDir,
        GATEWAY: platform.gateway,
        CONFIG: join(platform.dataDir, 'weft.yaml'),
        TLS_PORT: new URL(platform.tls).port,
      }
      try {
        for (const block of blocks) {
          const result = await run('bash', ['-e', '-c', block.commands], { env, cwd: where === 'root' ? ROOT : directory })
          const where_ = `${page}:${block.line}\n${block.commands}\n${result.stdout}${result.stderr}`
          const failed = result.code !== 0
          const said = failed === block.fails ? '' : `ended with ${result.code}; the platform says:\n${platform.output.slice(-SHOWN_CHARACTERS)}`
          expect([where_, failed, said]).toEqual([where_, block.fails, ''])
          for (const line of block.prints) expect(`${result.stdout}${result.stderr}`).toMatch(line)
        }
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    },
    240_000,
  )
})
