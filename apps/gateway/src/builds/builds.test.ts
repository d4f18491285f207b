import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { makeWorld } from '../../test/world.ts'

let uploadDirectory = ''
beforeEach(async () => {
  uploadDirectory = await mkdtemp(join(tmpdir(), 'weft-builds-'))
})
afterEach(() => rm(uploadDirectory, { recursive: true, force: true }))

const ZIP = { 'content-type': 'application/zip' }
const URL = '/system/builds?name=temp&runtime=node22'

describe('building an uploaded archive', () => {
  it('gives the manifest whose digest a deploy takes', async () => {
    await using world = await makeWorld({ uploadDirectory })
    const built = await world.call(
      'POST',
      `${URL}&file=temp.zip&image=temp:9&handler=handler.main&env=A=1&env=B=x%3Dy&buildArg=N=1&allowScripts=1`,
      Buffer.from('PK archive'),
      ZIP,
    )
    expect(built.status).toBe(201)
    expect(world.artifacts.requests).toMatchObject([
      {
        name: 'temp',
        runtime: 'node22',
        handler: 'handler.main',
        reference: 'temp:9',
        env: { A: '1', B: 'x=y' },
        buildArgs: { N: '1' },
        allowScripts: true,
        source: { kind: 'file', name: 'temp.zip' },
      },
    ])
    for (const deployment of [{ artifact: built.json['digest'] }, { image: 'temp:9' }]) {
      expect((await world.call('POST', '/system/functions', { service: 'temp', ...deployment })).status).toBe(202)
      await world.call('DELETE', '/system/functions', { functionName: 'temp' })
    }
    expect(await readdir(uploadDirectory)).toEqual([])
  })

  it('tells its progress line by line to who asks for lines', async () => {
    await using world = await makeWorld({ uploadDirectory })
    const lines = async (content: string) => {
      const { text } = await world.call('POST', URL, Buffer.from(content), { ...ZIP, accept: 'application/x-ndjson' })
      return text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown)
    }
    expect(await lines('fine')).toEqual([
      { step: 'bundle', text: 'bundling temp' },
      { manifest: expect.objectContaining({ digest: expect.stringContaining('sha256:') }) },
    ])
    expect(await lines('syntax error')).toEqual([
      { step: 'bundle', text: 'bundling temp' },
      { error: { code: 'BUILD_FAILED', message: expect.stringContaining('handler.js:1'), help: 'correct it' } },
    ])
    expect(await readdir(uploadDirectory)).toEqual([])
  })

  it.each([
    ['that does not build', URL, 'syntax error', 422, 'handler.js:1 syntax error'],
    ['that is too large', URL, 'x'.repeat(2000), 413, 'larger than 1000 bytes'],
    ['without a name', '/system/builds?runtime=node22', 'x', 400, "required property 'name'"],
    ['without a runtime', '/system/builds?name=temp', 'x', 400, "required property 'runtime'"],
    ['under a bad name', '/system/builds?name=..%2Fx&runtime=node22', 'x', 400, 'DNS-1123'],
    ['in a file outside', `${URL}&file=.bashrc`, 'x', 400, 'plain file name'],
    ['with a variable that is none', `${URL}&env=novalue`, 'x', 400, 'NAME=VALUE'],
    ['with an unknown contract', `${URL}&contract=x`, 'x', 400, 'query.contract'],
    ['of nothing', URL, undefined, 400, 'archive was expected'],
  ])('refuses one %s', async (_name, url, content, status, reason) => {
    await using world = await makeWorld({ uploadDirectory, limits: { archiveBytes: 1000 } })
    const answer = await world.call('POST', url, content === undefined ? undefined : Buffer.from(content), content === undefined ? {} : ZIP)
    expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(reason)])
    expect(await readdir(uploadDirectory)).toEqual([])
  })

  it('takes only the last part of a file name that is a path', async () => {
    await using world = await makeWorld({ uploadDirectory })
    expect((await world.call('POST', `${URL}&file=..%2F..%2Fetc%2Fpasswd`, Buffer.from('x'), ZIP)).status).toBe(201)
    expect(world.artifacts.requests).toMatchObject([{ source: { name: 'passwd', path: expect.stringContaining(uploadDirectory) } }])
  })
})
