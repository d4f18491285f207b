import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SourceToBuild } from '@weft/api'
import type { BuildRequest, BuildSource } from '@weft/artifacts/build'
import { messageOf, WeftError } from '@weft/core'

const MAX_DOWNLOAD_BYTES = 64 * 1024 * 1024
const DOWNLOAD_TIMEOUT_MS = 60_000
const FILE_NAMES = { zip: 'source.zip', compressedtar: 'source.tar.gz' } as const

/**
 * What building the source of a Kubeless Function means.
 * @param workDirectory empty directory; must live until the build is done
 * @throws WeftError `INVALID_VALUE` when it cannot be fetched or its checksum is another
 */
export async function buildRequestOf(name: string, source: SourceToBuild, workDirectory: string): Promise<BuildRequest> {
  const content = await contentOf(source)
  verify(source, content)
  const { runtime, handler, dependencies } = source
  return { name, runtime, handler, source: await placed(source, content, workDirectory), ...(dependencies === undefined ? {} : { dependencies }) }
}

async function contentOf({ form, content }: SourceToBuild): Promise<Uint8Array> {
  switch (form) {
    case 'text':
      return Buffer.from(content)
    case 'base64':
      return Buffer.from(content, 'base64')
    case 'url':
      return download(content)
    default:
      return form satisfies never
  }
}

async function download(url: string): Promise<Uint8Array> {
  const refused = (reason: string, cause?: unknown) => new WeftError('INVALID_VALUE', { field: 'spec.function', reason: `${url}: ${reason}` }, { cause })
  if (!/^https?:\/\//.test(url)) throw refused('it is not a URL')
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS) })
    if (!answer.ok || answer.body === null) throw refused(`the server answers ${answer.status}`)
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of answer.body) {
      size += chunk.length
      if (size > MAX_DOWNLOAD_BYTES) throw refused(`it has more than ${MAX_DOWNLOAD_BYTES} bytes`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  } catch (error) {
    throw error instanceof WeftError ? error : refused(messageOf(error), error)
  }
}

function verify({ checksum }: SourceToBuild, content: Uint8Array): void {
  if (checksum === undefined) return
  const actual = `sha256:${createHash('sha256').update(content).digest('hex')}`
  if (actual !== checksum) throw new WeftError('INVALID_VALUE', { field: 'spec.checksum', reason: `the source has ${actual}, not ${checksum}` })
}

/** One file is named after the module of the handler; an archive is put down as a file, from which the builder unpacks it. */
async function placed(source: SourceToBuild, content: Uint8Array, workDirectory: string): Promise<BuildSource> {
  if (source.archive === undefined) return { kind: 'inline', files: { [fileName(source)]: Buffer.from(content).toString('utf8') } }
  const name = FILE_NAMES[source.archive]
  const path = join(workDirectory, name)
  await writeFile(path, content)
  return { kind: 'file', path, name }
}

function fileName({ handler, runtime }: SourceToBuild): string {
  const [module = 'handler'] = handler.split('.')
  if (runtime.startsWith('python')) return `${module}.py`
  return runtime.startsWith('ruby') ? `${module}.rb` : `${module}.js`
}
