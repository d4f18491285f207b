import { createReadStream, type Stats } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { existsSync, realpathSync, statSync } from 'node:fs'
import { resolve, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Call } from '../server/call.ts'
import { sendError, sendWhole } from '../server/reply.ts'
import { logAccess } from './access-log.ts'
import { contentTypeOf } from './content-types.ts'
import type { Mode, ModeParts } from './mode.ts'
import { parseRange } from './range.ts'
import { timeoutError } from './timeout.ts'

/** Where images of OpenFaaS have the function's files. */
const HOME = '/home/app/'
const DEFAULT_PATH = `${HOME}public`

/**
 * The directory of static files: as it is named, else below the function's own directory. A function that consists of its public files alone has
 * no `public` among them. @throws Error when there is none
 */
function rootOf(staticPath: string): string {
  const below = staticPath.startsWith(HOME) ? [resolve(staticPath.slice(HOME.length))] : []
  const whole = staticPath === DEFAULT_PATH ? [process.cwd()] : []
  const root = [resolve(staticPath), ...below, ...whole].find((path) => existsSync(path))
  if (root !== undefined && statSync(root).isDirectory()) return realpathSync(root)
  throw new Error(`mode=static: ${staticPath} is no directory of the function: name it with static_path, for example static_path=public`)
}

const etagOf = (file: Stats): string => `W/"${Math.floor(file.mtimeMs).toString(16)}-${file.size.toString(16)}"`

/** Serves files: of-watchdog's `static`. GET and HEAD, `index.html` of directories, ETag, Last-Modified and single ranges; no lists of files. */
export class StaticMode implements Mode {
  readonly #parts: ModeParts
  readonly #root: string

  /** @throws Error when there is no such directory */
  constructor(parts: ModeParts) {
    this.#parts = parts
    this.#root = rootOf(parts.settings.staticPath ?? DEFAULT_PATH)
  }

  async serve(call: Call): Promise<void> {
    const { request, response } = call
    request.resume()
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      return this.#plain(call, 405, 'Method Not Allowed\n')
    }
    const [path = '/', query] = (request.url ?? '/').split('?')
    const file = await this.#find(path)
    if (file === undefined) return this.#plain(call, 404, '404 page not found\n')
    if (file === 'directory') {
      // relative, so that it is right behind any prefix that a gateway took away
      const last = path.split('/').at(-1) ?? ''
      response.setHeader('Location', `./${last}/${query === undefined ? '' : `?${query}`}`)
      return this.#plain(call, 301, 'Moved Permanently\n')
    }
    await this.#send(call, file)
  }

  timedOut(call: Call, limitMs: number): void {
    sendError(call.response, timeoutError(limitMs))
  }

  async stop(): Promise<void> {
    // nothing was started
  }

  #plain(call: Call, status: number, text: string): void {
    sendWhole(call.response, status, 'text/plain; charset=utf-8', Buffer.from(text))
    logAccess(call, { status, bytes: text.length }, this.#parts.settings)
  }

  /** The file of a path, links resolved; nothing outside of the root is ever found. */
  async #find(urlPath: string): Promise<{ readonly path: string; readonly stats: Stats } | 'directory' | undefined> {
    try {
      const decoded = decodeURIComponent(urlPath)
      if (decoded.includes('\0')) return undefined
      const path = await realpath(resolve(this.#root, `.${resolve('/', decoded)}`))
      if (path !== this.#root && !path.startsWith(this.#root + sep)) return undefined
      const stats = await stat(path)
      if (!stats.isDirectory()) return stats.isFile() && !decoded.endsWith('/') ? { path, stats } : undefined
      if (!decoded.endsWith('/')) return 'directory'
      return await this.#find(`${urlPath}index.html`)
    } catch {
      return undefined // malformed, or not there
    }
  }

  async #send(call: Call, file: { readonly path: string; readonly stats: Stats }): Promise<void> {
    const { request, response } = call
    const { stats, path } = file
    const etag = etagOf(stats)
    const modified = Math.floor(stats.mtimeMs / 1000) * 1000
    response.setHeader('ETag', etag).setHeader('Last-Modified', new Date(modified).toUTCString()).setHeader('Accept-Ranges', 'bytes')
    if (isUnchanged(request.headers, etag, modified)) {
      response.writeHead(304).end()
      return logAccess(call, { status: 304, bytes: 0 }, this.#parts.settings)
    }
    const range = request.headers['if-range'] === undefined ? parseRange(request.headers.range, stats.size) : 'whole'
    if (range === 'unsatisfiable') {
      response.setHeader('Content-Range', `bytes */${stats.size}`)
      return this.#plain(call, 416, 'Range Not Satisfiable\n')
    }
    const { start, end } = range === 'whole' ? { start: 0, end: stats.size - 1 } : range
    if (range !== 'whole') response.setHeader('Content-Range', `bytes ${start}-${end}/${stats.size}`)
    const status = range === 'whole' ? 200 : 206
    response.writeHead(status, { 'Content-Type': contentTypeOf(path), 'Content-Length': end - start + 1 })
    if (request.method === 'HEAD' || stats.size === 0) response.end()
    else await pipeline(createReadStream(path, { start, end }), response, { signal: call.signal }).catch(() => response.destroy())
    logAccess(call, { status, bytes: end - start + 1 }, this.#parts.settings)
  }
}

function isUnchanged(headers: Call['request']['headers'], etag: string, modified: number): boolean {
  const known = headers['if-none-match']
  if (known !== undefined) return known === '*' || known.split(',').some((tag) => tag.trim() === etag)
  const since = headers['if-modified-since']
  return since !== undefined && modified <= Date.parse(since)
}
