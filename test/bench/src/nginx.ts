import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ask, run, until } from '@weft/test-harness'
import type { Peer } from './bare.ts'

/**
 * What a mesh hop costs in nginx: a plain server that passes on over mutual TLS to a second one, which passes on to `target`. As like Weft's hop as
 * nginx gets: P-256, TLS 1.3, both sides verified, connections kept on both hops; no policy, no statistics, no identity header.
 * @returns undefined when nginx or openssl is missing
 */
export async function startNginxPair(target: string): Promise<Peer | undefined> {
  const missing = await Promise.all([run('nginx', ['-v']), run('openssl', ['version'])]).then(
    () => false,
    () => true,
  )
  if (missing) return undefined
  const directory = mkdtempSync(join(tmpdir(), 'weft-bench-nginx-'))
  await makeCertificates(directory)
  const front = await freePort()
  writeFileSync(join(directory, 'nginx.conf'), configuration(directory, front, new URL(target).host))
  const child = spawn('nginx', ['-p', directory, '-c', join(directory, 'nginx.conf'), '-e', join(directory, 'error.log')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const url = `http://127.0.0.1:${front}/`
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const dispose = () => {
    child.kill('SIGQUIT')
    void ended.then(() => rmSync(directory, { recursive: true, force: true }))
  }
  try {
    await until('nginx answers', async () => (await ask(url)).status === 200, 10_000)
  } catch (error) {
    dispose()
    throw error
  }
  return { url, pid: child.pid ?? -1, [Symbol.dispose]: dispose }
}

function configuration(directory: string, front: number, target: string): string {
  const identity = (prefix: string) => `${prefix}_certificate leaf.pem; ${prefix}_certificate_key leaf.key;`
  // workers of a root nginx are nobody's otherwise, who cannot enter the directory
  const user = process.getuid?.() === 0 ? 'user root; ' : ''
  return `${user}daemon off; worker_processes 2; pid nginx.pid; error_log error.log warn;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path tmp-${name};`).join(' ')}
  upstream second { server unix:${directory}/second.sock; keepalive 256; keepalive_requests 1000000000; }
  upstream target { server ${target}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${front};
    location / { proxy_pass https://second; proxy_http_version 1.1; proxy_set_header Connection ""; ${identity('proxy_ssl')}
      proxy_ssl_trusted_certificate ca.pem; proxy_ssl_verify on; proxy_ssl_name second; proxy_ssl_protocols TLSv1.3; }
  }
  server {
    listen unix:${directory}/second.sock ssl; ${identity('ssl')}
    ssl_client_certificate ca.pem; ssl_verify_client on; ssl_protocols TLSv1.3;
    location / { proxy_pass http://target; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`
}

/** One authority and one leaf for both sides. */
async function makeCertificates(directory: string): Promise<void> {
  const openssl = async (...args: string[]) => {
    const { code, stderr } = await run('openssl', args, { cwd: directory })
    if (code !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`)
  }
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=bench', '-days', '1')
  await openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'leaf.key',
    '-out',
    'leaf.pem',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-subj',
    '/CN=second',
    '-addext',
    'subjectAltName=DNS:second',
    '-days',
    '1',
  )
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port'))))
    })
  })
}
