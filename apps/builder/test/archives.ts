import { spawn } from 'node:child_process'
import { crc32 } from 'node:zlib'
import { pack, type Header } from 'tar-stream'

/** One entry of a tar that is made for a test; names are written as they are, however bad. */
export interface TarEntry extends Partial<Header> {
  readonly name: string
  readonly content?: string | Buffer
}

/** A tar with exactly these entries. */
export async function tarOf(entries: readonly TarEntry[]): Promise<Buffer> {
  const archive = pack()
  for (const { content, ...header } of entries) archive.entry({ mtime: new Date(0), ...header }, content ?? '')
  archive.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of archive as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** One entry of a zip that is made for a test (stored, not compressed). */
export interface ZipEntry {
  readonly name: string
  readonly content?: string | Buffer
  /** Unix mode with type bits; a plain file when absent. */
  readonly mode?: number
  readonly flags?: number
}

/** A zip with exactly these entries (APPNOTE 6.3: local headers, central directory, end record). */
export function zipOf(entries: readonly ZipEntry[]): Buffer {
  const locals: Buffer[] = []
  const central: Buffer[] = []
  let offset = 0
  for (const entry of entries) {
    const name = Buffer.from(entry.name)
    const content = Buffer.from(entry.content ?? '')
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(entry.flags ?? 0, 2)
    common.writeUInt16LE(33, 8)
    common.writeUInt32LE(crc32(content), 10)
    common.writeUInt32LE(content.length, 14)
    common.writeUInt32LE(content.length, 18)
    common.writeUInt16LE(name.length, 22)
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 6)
    tail.writeUInt32LE(offset, 10)
    const local = Buffer.concat([Buffer.from('504b0304', 'hex'), common, name, content])
    central.push(Buffer.concat([Buffer.from('504b01021403', 'hex'), common, tail, name]))
    locals.push(local)
    offset += local.length
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(22)
  end.write('504b0506', 'hex')
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, directory, end])
}

/** Packs with a program of the system (`gzip`, `bzip2`, `xz`). */
export function packWith(program: string, content: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['-c'], { stdio: ['pipe', 'pipe', 'ignore'] })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('error', reject)
    child.on('close', () => resolve(Buffer.concat(chunks)))
    child.stdin.end(content)
  })
}
