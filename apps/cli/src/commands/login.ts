import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { WeftError } from '@weft/core'
import { GATEWAY_OPTION } from '../cli.ts'
import { GatewayClient, readText } from '../client/gateway-client.ts'
import { authFileText, basicAuthorization, credentialsPath, locateGateway, readAuthFile } from '../client/locate.ts'
import type { Command, Invocation } from '../command.ts'
import { textOption } from './options.ts'

/** `weft login`: checks a password against a gateway and keeps it. */
export const loginCommand: Command = {
  name: 'login',
  summary: 'keep the credentials of a gateway',
  description: 'Checks a user and password against a gateway and keeps them in a file that only you can read. The platform on this machine needs no login.',
  options: [
    GATEWAY_OPTION,
    { flags: '-u, --username <name>', description: 'user', default: 'admin' },
    { flags: '-p, --password <text>', description: 'password; better: --password-stdin' },
    { flags: '-s, --password-stdin', description: 'read the password from standard input' },
  ],
  examples: ['weft login -g https://gateway.example.org --password-stdin < password.txt'],
  async run(invocation) {
    const { world, options } = invocation
    const password = await passwordOf(invocation)
    const target = await locateGateway(world.env, textOption(options, 'gateway'))
    const authorization = basicAuthorization(textOption(options, 'username') ?? 'admin', password)
    const answer = await new GatewayClient({ url: target.url, source: target.source, authorization }).send({ method: 'GET', path: '/system/functions' })
    answer.body.resume()
    if (answer.status === 401) throw new WeftError('UNAUTHORIZED')
    if (answer.status !== 200) throw new WeftError('GATEWAY_REFUSED', { message: `the gateway answered ${answer.status}`, advice: 'check the address' })
    await keep(credentialsPath(world.env), target.url, authorization.slice('Basic '.length))
    world.stdout.write(`Logged in to ${target.url}.\n`)
  },
}

/** `weft logout`. */
export const logoutCommand: Command = {
  name: 'logout',
  summary: 'forget the credentials of a gateway',
  options: [GATEWAY_OPTION],
  examples: ['weft logout -g https://gateway.example.org'],
  async run({ world, options }) {
    const { url } = await locateGateway(world.env, textOption(options, 'gateway'))
    await keep(credentialsPath(world.env), url, undefined)
    world.stdout.write(`Logged out of ${url}.\n`)
  },
}

async function passwordOf({ world, options }: Invocation): Promise<string> {
  const given = textOption(options, 'password')
  if (given !== undefined) return given
  if (options['passwordStdin'] === true) return (await readText(world.stdin as AsyncIterable<Uint8Array>)).trim()
  throw new WeftError('INVALID_VALUE', { field: 'password', reason: 'give --password-stdin and pipe the password in, or --password' })
}

async function keep(path: string, gateway: string, token: string | undefined): Promise<void> {
  const file = await readAuthFile(path)
  const others = (file.auths ?? []).filter((entry) => entry.gateway !== gateway)
  const auths = token === undefined ? others : [...others, { gateway, auth: 'basic', token }]
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeFile(path, authFileText({ auths }), { mode: 0o600 })
}
