import { spawn } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { PassThrough, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { isWeftError, messageOf } from '@weft/core'
import { sourceRefused } from '../failures.ts'
import type { FileKind } from './detect.ts'

const PROGRAMS = { bzip2: ['bzip2', '-dc'], xz: ['xz', '-dc', '--memlimit-decompress=256MiB'] } as const

/**
 * The unpacked bytes of a packed file; an error of the packing ends the stream with `SOURCE_REFUSED`.
 * gzip is read here; bzip2 and xz by the programs of that name.
 */
export function unpacked(path: string, kind: Exclude<FileKind, 'zip' | 'tar' | 'plain'>): Readable {
  const input = createReadStream(path)
  const output = new PassThrough()
  const fail = (error: unknown) =>
    output.destroy(isWeftError(error) ? error : sourceRefused(`it is not a whole ${kind} file (${messageOf(error)})`, 'pack it again', error))
  if (kind === 'gzip') throughGunzip(input, output, fail)
  else throughProgram(input, output, kind).catch(fail)
  return output
}

function throughGunzip(input: Readable, output: PassThrough, fail: (error: unknown) => void): void {
  const gunzip = createGunzip()
  input.on('error', fail).pipe(gunzip).on('error', fail).pipe(output)
  output.on('close', () => {
    input.destroy()
    gunzip.destroy()
  })
}

async function throughProgram(input: Readable, output: PassThrough, kind: 'bzip2' | 'xz'): Promise<void> {
  const [program, ...args] = PROGRAMS[kind]
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] ?? '' } })
  const ended = new Promise<void>((resolve, reject) => {
    let complaint = ''
    child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()))
    child.on('error', () =>
      reject(sourceRefused(`it is packed with ${kind}, and there is no program ${program} here`, `install ${program}, or pack the source as zip or tar.gz`)),
    )
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(complaint.trim() || `${program} ended with ${code}`))))
  })
  output.on('close', () => child.kill('SIGKILL'))
  input.on('error', (error) => child.stdin.destroy(error))
  child.stdin.on('error', () => input.destroy())
  input.pipe(child.stdin)
  child.stdout.pipe(output, { end: false })
  await ended
  output.end()
}
