import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startProxy, type Proxy } from './proxy.ts'

/** Hosts outside of a sandbox, behind a stand-in for Envoy's outbound listener. */
export interface Outside {
  readonly proxy: Proxy
  /** File of the certificate of `api.example.com` and `temp.default`, to be trusted. */
  readonly certificate: string
  close(): Promise<void>
}

/**
 * Starts them: `db.example.com:5432` echoes a line, `api.example.com:443` and `temp.default:443` speak TLS, `www.example.com:80` plain HTTP and tells the
 * `traceparent` that it got.
 */
export async function startOutside(): Promise<Outside> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-tls-'))
  const certificate = join(directory, 'cert.pem')
  const key = selfSigned(directory, certificate)
  const servers: Server[] = []
  const listen = async (server: Server): Promise<number> => {
    servers.push(server)
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    return (server.address() as AddressInfo).port
  }
  const echo = await listen(createServer((socket) => socket.once('data', (chunk) => socket.end(`echo ${chunk.toString()}`))))
  const secure = await listen(createTlsServer({ key, cert: readFileSync(certificate) }, (request, response) => response.end(`secure ${request.headers.host}`)))
  const plain = await listen(createHttpServer((request, response) => response.end(`plain ${request.headers.host} ${String(request.headers['traceparent'])}`)))
  const proxy = await startProxy({ 'db.example.com:5432': echo, 'api.example.com:443': secure, 'temp.default:443': secure, 'www.example.com:80': plain })
  return {
    proxy,
    certificate,
    close: async () => {
      await proxy.close()
      for (const server of servers) server.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** @returns the private key */
function selfSigned(directory: string, certificate: string): Buffer {
  const key = join(directory, 'key.pem')
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key]
  const subject = ['-out', certificate, '-days', '2', '-subj', '/CN=api.example.com', '-addext', 'subjectAltName=DNS:api.example.com,DNS:temp.default']
  execFileSync('openssl', ['req', '-x509', ...curve, ...subject], { stdio: 'ignore' })
  return readFileSync(key)
}
