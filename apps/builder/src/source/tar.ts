import type { Readable } from 'node:stream'
import { extract } from 'tar-stream'
import { isWeftError, messageOf } from '@weft/core'
import { sourceRefused } from '../failures.ts'
import type { SourceWriter } from './writer.ts'

/** Unpacks a tar stream. @throws WeftError `SOURCE_REFUSED` */
export async function unpackTar(source: Readable, writer: SourceWriter): Promise<void> {
  const unpacker = extract()
  // A broken packed stream must end the unpacking with its own message.
  source.on('error', (error) => unpacker.destroy(error))
  source.pipe(unpacker)
  try {
    for await (const entry of unpacker) {
      const { name, type, mode } = entry.header
      if (type === 'directory') {
        await writer.directory(name)
        entry.resume()
      } else if (type === 'file' || type === 'contiguous-file' || type == null) {
        await writer.file(name, ((mode ?? 0) & 0o111) !== 0, entry as AsyncIterable<Buffer>)
      } else {
        throw sourceRefused(`${name} is a link or a device (${type})`, 'pack the file that it stands for')
      }
    }
  } catch (error) {
    throw isWeftError(error) ? error : sourceRefused(`the tar archive cannot be read (${messageOf(error)})`, 'pack it again', error)
  } finally {
    source.destroy()
  }
}
