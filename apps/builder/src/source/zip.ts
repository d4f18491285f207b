import { fromFd, type Entry, type ZipFile } from 'yauzl'
import { messageOf } from '@weft/core'
import { isWeftError } from '@weft/core'
import { promisify } from 'node:util'
import { openSync } from 'node:fs'
import { sourceRefused } from '../failures.ts'
import type { SourceWriter } from './writer.ts'

const TYPE_MASK = 0o170000
const TYPE_FILE = 0o100000
const TYPE_DIRECTORY = 0o040000
const MADE_BY_UNIX = 3

const openZip = promisify<number, ZipFile>((fd, done) => fromFd(fd, { lazyEntries: true, strictFileNames: true }, (error, zip) => done(error, zip)))

/** Unpacks a zip file. @throws WeftError `SOURCE_REFUSED` */
export async function unpackZip(path: string, writer: SourceWriter): Promise<void> {
  const zip = await openZip(openSync(path, 'r')).catch((error: unknown) => {
    throw broken(error)
  })
  try {
    for await (const entry of entries(zip)) await unpackEntry(zip, entry, writer)
  } catch (error) {
    throw isWeftError(error) ? error : broken(error)
  } finally {
    zip.close()
  }
}

const broken = (error: unknown) => sourceRefused(`the zip file cannot be read (${messageOf(error)})`, 'pack it again', error)

async function* entries(zip: ZipFile): AsyncGenerator<Entry> {
  for (;;) {
    const entry = await new Promise<Entry | undefined>((resolve, reject) => {
      const listeners = {
        entry: (found: Entry) => settle(() => resolve(found)),
        end: () => settle(() => resolve(undefined)),
        error: (error: Error) => settle(() => reject(error)),
      }
      const settle = (then: () => void) => {
        zip.off('entry', listeners.entry).off('end', listeners.end).off('error', listeners.error)
        then()
      }
      zip.on('entry', listeners.entry).on('end', listeners.end).on('error', listeners.error)
      zip.readEntry()
    })
    if (entry === undefined) return
    yield entry
  }
}

async function unpackEntry(zip: ZipFile, entry: Entry, writer: SourceWriter): Promise<void> {
  const mode = entry.versionMadeBy >>> 8 === MADE_BY_UNIX ? entry.externalFileAttributes >>> 16 : 0
  const type = mode & TYPE_MASK
  if (type !== 0 && type !== TYPE_FILE && type !== TYPE_DIRECTORY)
    throw sourceRefused(`${entry.fileName} is a link or a device`, 'pack the file that it stands for')
  if (entry.isEncrypted()) throw sourceRefused(`${entry.fileName} is encrypted`, 'pack it without a password')
  if (entry.fileName.endsWith('/')) return writer.directory(entry.fileName)
  const stream = await promisify(zip.openReadStream.bind(zip) as (entry: Entry, done: (error: Error | null, stream: NodeJS.ReadableStream) => void) => void)(
    entry,
  )
  await writer.file(entry.fileName, (mode & 0o111) !== 0, stream as AsyncIterable<Buffer>)
}
