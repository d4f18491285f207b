import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { spawnReplica, startReplica, stopAll, type Replica } from '../../test/harness.ts'
import { parseRange } from './range.ts'

let site: Replica
beforeAll(async () => {
  const files = {
    'public/index.html': '<h1>hi</h1>',
    'public/a b.txt': '0123456789',
    'public/sub/index.html': 'sub',
    'public/empty.css': '',
    'secret.txt': 'secret',
  }
  site = await startReplica({ mode: 'static', files })
  symlinkSync('../secret.txt', join(site.directory, 'public/link.txt'))
  symlinkSync('/etc', join(site.directory, 'public/etc'))
})
afterAll(stopAll)

describe('mode static', () => {
  it.each([
    ['/', 200, 'text/html; charset=utf-8', '<h1>hi</h1>'],
    ['/a%20b.txt?x=1', 200, 'text/plain; charset=utf-8', '0123456789'],
    ['/sub/', 200, 'text/html; charset=utf-8', 'sub'],
    ['/empty.css', 200, 'text/css; charset=utf-8', ''],
    ['/none', 404, 'text/plain; charset=utf-8', '404 page not found\n'],
    ['/a%20b.txt/', 404, 'text/plain; charset=utf-8', '404 page not found\n'],
    ['/../secret.txt', 404, 'text/plain; charset=utf-8', '404 page not found\n'],
    ['/%2e%2e/secret.txt', 404, 'text/plain; charset=utf-8', '404 page not found\n'],
    ['/sub/..%2f..%2fsecret.txt', 404, 'text/plain; charset=utf-8', '404 page not found\n'],
    ['/link.txt', 404, 'text/plain; charset=utf-8', '404 page not found\n'],
    ['/etc/passwd', 404, 'text/plain; charset=utf-8', '404 page not found\n'],
    ['/%00', 404, 'text/plain; charset=utf-8', '404 page not found\n'],
    ['/%', 404, 'text/plain; charset=utf-8', '404 page not found\n'],
  ])('answers %s with %d', async (path, status, type, body) => {
    expect(await site.ask({ path })).toMatchObject({ status, headers: { 'content-type': type }, body })
  })

  it('sends to the directory with a slash, whatever the prefix in front of it', async () => {
    expect(await site.ask({ path: '/sub?x=1' })).toMatchObject({ status: 301, headers: { location: './sub/?x=1' } })
  })

  it('knows HEAD, ranges and what a client has already', async () => {
    const path = '/a%20b.txt'
    const whole = await site.ask({ path, method: 'HEAD' })
    expect(whole).toMatchObject({ status: 200, body: '', headers: { 'content-length': '10' } })
    expect(await site.ask({ path, headers: { range: 'bytes=2-4' } })).toMatchObject({ status: 206, body: '234', headers: { 'content-range': 'bytes 2-4/10' } })
    expect(await site.ask({ path, headers: { range: 'bytes=20-' } })).toMatchObject({ status: 416, headers: { 'content-range': 'bytes */10' } })
    expect((await site.ask({ path, headers: { 'if-none-match': String(whole.headers.etag) } })).status).toBe(304)
    expect((await site.ask({ path, headers: { 'if-modified-since': String(whole.headers['last-modified']) } })).status).toBe(304)
    expect(await site.ask({ path, method: 'POST', body: 'x' })).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } })
  })

  it('serves the function as a whole when it has no directory for it', async () => {
    const replica = await startReplica({ mode: 'static', files: { 'index.html': 'all' } })
    expect((await replica.ask()).body).toBe('all')
  })

  it('says which directory is missing', async () => {
    const replica = await spawnReplica({ mode: 'static', env: { static_path: 'nowhere' } })
    expect(await replica.exited).toBe(1)
    expect(replica.reports()[0]?.['message']).toContain('nowhere is no directory of the function')
  })
})

describe('a range', () => {
  it.each([
    ['no header', undefined, 'whole'],
    ['the last bytes', 'bytes=-3', { start: 7, end: 9 }],
    ['more last bytes than there are', 'bytes=-30', { start: 0, end: 9 }],
    ['no last bytes', 'bytes=-0', 'unsatisfiable'],
    ['an open end', 'bytes=4-', { start: 4, end: 9 }],
    ['an end beyond the file', 'bytes=4-99', { start: 4, end: 9 }],
    ['a start beyond the file', 'bytes=10-', 'unsatisfiable'],
    ['an end before the start', 'bytes=5-4', 'whole'],
    ['several', 'bytes=0-1,3-4', 'whole'],
    ['another unit', 'lines=0-1', 'whole'],
    ['nothing', 'bytes=-', 'whole'],
  ] as const)('with %s', (_name, header, expected) => {
    expect(parseRange(header, 10)).toEqual(expected)
  })
})
