import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { tarOf } from './archives.ts'
import type { Files } from './harness.ts'

/** A package registry on loopback that knows a few packages. */
export interface Registry extends AsyncDisposable {
  readonly url: string
  /** Paths that were asked for, with the credentials that came. */
  readonly requests: { readonly path: string; readonly authorization: string | undefined }[]
}

interface Published {
  readonly manifest: Record<string, unknown>
  readonly tarball: Buffer
}

/**
 * Serves packages as a registry does (packument and tarball), so that real npm installs them.
 * @param packages name → files, with a package.json in each
 * @param token when given, asked for as Bearer
 */
export async function openRegistry(packages: Readonly<Record<string, Files>>, token?: string): Promise<Registry> {
  const published = new Map(await Promise.all(Object.entries(packages).map(async ([name, files]) => [name, await publish(files)] as const)))
  const requests: { path: string; authorization: string | undefined }[] = []
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '/').slice(1)
    requests.push({ path, authorization: request.headers.authorization })
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) return response.writeHead(401).end('{}')
    const tarball = published.get(path.replace(/\/-\/.*$/, ''))
    if (tarball === undefined) return response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"Not found"}')
    if (path.includes('/-/')) return response.end(tarball.tarball)
    return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(packument(path, tarball, url)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function publish(files: Files): Promise<Published> {
  const entries = Object.entries(files).map(([path, content]) => ({ name: `package/${path}`, content }))
  return { manifest: JSON.parse(files['package.json'] ?? '{}') as Record<string, unknown>, tarball: gzipSync(await tarOf(entries)) }
}

function packument(name: string, { manifest, tarball }: Published, url: string) {
  const version = String(manifest['version'])
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
  const hasInstallScript = JSON.stringify(manifest['scripts'] ?? {}).includes('"install":')
  const dist = { tarball: `${url}/${name}/-/${name.split('/').at(-1) ?? name}-${version}.tgz`, integrity }
  return { name, 'dist-tags': { latest: version }, versions: { [version]: { ...manifest, name, dist, ...(hasInstallScript ? { hasInstallScript } : {}) } } }
}
