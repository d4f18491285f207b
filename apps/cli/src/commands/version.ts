import { GATEWAY_OPTION } from '../cli.ts'
import type { Command } from '../command.ts'
import { structured } from '../output/render.ts'
import { VERSION } from '../version.ts'
import { textOption } from './options.ts'

interface GatewayInfo {
  readonly version?: { readonly release?: string }
  readonly arch?: string
}

/** `weft version`. */
export const versionCommand: Command = {
  name: 'version',
  summary: 'versions of this program and of the gateway',
  options: [GATEWAY_OPTION, { flags: '-o, --output <format>', description: 'how to print', choices: ['json', 'yaml'] }],
  examples: ['weft version'],
  async run({ world, options, client }) {
    const gateway = await client()
    const info = await gateway.json<GatewayInfo>({ method: 'GET', path: '/system/info' }).catch(() => undefined)
    const versions = { client: VERSION, node: process.version, gateway: info?.version?.release ?? 'not reachable', url: gateway.target.url }
    const format = textOption(options, 'output')
    if (format !== undefined) return void world.stdout.write(structured(versions, format))
    world.stdout.write(`weft     ${versions.client} (Node.js ${versions.node})\ngateway  ${versions.gateway} at ${versions.url}\n`)
  },
}
