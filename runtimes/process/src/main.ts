import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import { writeSync } from 'node:fs'

interface Config {
  readonly command?: string
}

const config = JSON.parse(process.env['WEFT_RUNTIME_CONFIG'] ?? '{}') as Config
const [program = 'false', ...args] = (config.command ?? '').split(' ')
const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
  if (request.url === '/_/health' || request.url === '/_/ready') return void response.end('OK')
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  request.pipe(child.stdin)
  child.stdout.pipe(response)
  child.on('error', () => response.writeHead(500).end())
})
server.listen({ fd: 3 }, () => writeSync(4, '{"type":"listening"}\n'))
process.on('SIGTERM', () => server.close(() => process.exit(0)))
