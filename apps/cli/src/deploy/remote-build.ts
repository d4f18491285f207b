import type { ArtifactManifest } from '@weft/artifacts'
import type { BuildProgress, BuildRequest } from '@weft/artifacts/build'
import { WeftError } from '@weft/core'
import { readText, refusal, type GatewayClient } from '../client/gateway-client.ts'
import { lines } from '../client/lines.ts'
import { sourceArchive } from './source-archive.ts'

type BuildLine =
  | { readonly step: string; readonly text: string }
  | { readonly manifest: ArtifactManifest }
  | { readonly error: { readonly message: string; readonly help?: string } }

/** Uploads a source and has the gateway build it. @throws WeftError with the gateway's words when the build fails */
export async function buildRemotely(client: GatewayClient, request: BuildRequest, progress: BuildProgress): Promise<ArtifactManifest> {
  const answer = await client.send({
    method: 'POST',
    path: `/system/builds?${query(request)}`,
    headers: { 'content-type': 'application/gzip', accept: 'application/x-ndjson' },
    body: sourceArchive(request),
  })
  if (answer.status >= 400) throw refusal(answer.status, await readText(answer.body))
  for await (const text of lines(answer.body)) {
    const line = JSON.parse(text) as BuildLine
    if ('manifest' in line) return line.manifest
    if ('error' in line) throw refusal(422, text)
    progress(line)
  }
  throw new WeftError('GATEWAY_REFUSED', { message: `the build of ${request.name} ended without an answer`, advice: 'try again; see the log of the platform' })
}

function query(request: BuildRequest): string {
  const values = new URLSearchParams({ name: request.name, runtime: request.runtime, file: 'source.tar.gz' })
  const optional = { contract: request.contract, handler: request.handler, process: request.process, image: request.reference }
  for (const [name, value] of Object.entries(optional)) if (value !== undefined) values.set(name, value)
  for (const [name, value] of Object.entries(request.env ?? {})) values.append('env', `${name}=${value}`)
  for (const [name, value] of Object.entries(request.buildArgs ?? {})) values.append('buildArg', `${name}=${value}`)
  if (request.allowScripts === true) values.set('allowScripts', 'true')
  return values.toString()
}
