import { describe, expect, it } from '@jest/globals'
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { artifactStoreContract } from '../contract.ts'
import { openDirectoryArtifactStore } from './index.ts'

artifactStoreContract('directory', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'weft-store-'))
  return {
    store: await openDirectoryArtifactStore({ directory }),
    again: () => openDirectoryArtifactStore({ directory }),
    close: () => rm(directory, { recursive: true, force: true }),
  }
})

describe('what a crashed writer left', () => {
  it('is never seen as an artifact and is removed when it is old, while a running writer keeps its own', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'weft-store-'))
    try {
      await openDirectoryArtifactStore({ directory })
      for (const name of ['old', 'new']) await mkdir(join(directory, 'tmp', name))
      await writeFile(join(directory, 'tmp', 'old', 'manifest.json'), '{')
      await utimes(join(directory, 'tmp', 'old'), 0, 0)
      const store = await openDirectoryArtifactStore({ directory })
      expect(await readdir(join(directory, 'tmp'))).toEqual(['new'])
      expect(await store.references()).toEqual([])
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })
})
