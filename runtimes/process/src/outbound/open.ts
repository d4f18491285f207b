import { createSocket } from 'node:dgram'
import { accessSync, constants, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { logLine } from '@weft/runtime-nodejs/report'
import { encodeAnswer, parseQuery, TYPE } from './dns-message.ts'
import { listen } from './listen.ts'
import { Names, type NamesOptions } from './names.ts'
import { passThrough } from './tunnel.ts'

/** A directory that only a sandbox has, to which `/etc/hosts` and `/etc/resolv.conf` lead. */
const SANDBOX_ETC = '/weft/etc'
const LOOPBACK = '127.0.0.1'

/** Ways out for a program. */
export interface Outbound {
  /** Variables that clients read: `http_proxy` and its like. */
  readonly env: Readonly<Record<string, string>>
  close(): void
}

function proxyVariables(port: number): Record<string, string> {
  const proxy = `http://${LOOPBACK}:${port}`
  const none = 'localhost,127.0.0.1,::1'
  return { http_proxy: proxy, https_proxy: proxy, no_proxy: none, HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NO_PROXY: none }
}

function inSandbox(): boolean {
  try {
    accessSync(SANDBOX_ETC, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Answers questions for addresses of names with those of {@link Names}. @throws Error when port 53 cannot be had */
async function serveNames(names: Names): Promise<() => void> {
  const socket = createSocket('udp4')
  socket.on('message', (message, from) => {
    const question = parseQuery(message)
    if (question === undefined) return
    const wanted = question.type === TYPE.ptr ? Promise.resolve(undefined) : names.addressOf(question.name)
    void wanted.then((address) => {
      const asked = question.type === TYPE.a || question.type === TYPE.any
      const answer = address === undefined ? 'unknown' : asked ? { address } : 'empty'
      socket.send(encodeAnswer(question, answer), from.port, from.address, () => undefined)
    })
  })
  await new Promise<void>((done, failed) => {
    socket.once('error', failed)
    socket.bind({ address: LOOPBACK, port: 53 }, () => {
      socket.off('error', failed)
      done()
    })
  })
  socket.on('error', () => undefined)
  socket.unref()
  return () => void socket.close()
}

async function openNames(options: NamesOptions): Promise<() => void> {
  const names = new Names(options)
  const stop = await serveNames(names)
  writeFileSync(`${SANDBOX_ETC}/resolv.conf`, `nameserver ${LOOPBACK}\noptions ndots:0 timeout:2 attempts:2\n`)
  return () => {
    stop()
    names.close()
  }
}

/**
 * Opens the ways out for programs that know nothing of Weft. Everywhere: an HTTP proxy on the loopback that leads to the proxy of this replica,
 * and the variables that name it. In a sandbox, whose loopback is the replica's own, also: a name server that gives each name an address of the
 * loopback, behind which the usual ports lead to that name.
 */
export async function openOutbound(options: NamesOptions): Promise<Outbound> {
  const proxy = await listen({ host: LOOPBACK, port: 0 }, (socket) => passThrough(options.outboundSocket, socket))
  const closers: (() => void)[] = [() => void proxy.close()]
  if (inSandbox()) {
    await openNames(options).then(
      (close) => closers.push(close),
      (error: unknown) => logLine(`names can be reached by http_proxy only: ${String(error)}`),
    )
  }
  return { env: proxyVariables((proxy.address() as AddressInfo).port), close: () => closers.forEach((close) => close()) }
}
