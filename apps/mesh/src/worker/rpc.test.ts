import { MessageChannel } from 'node:worker_threads'
import { afterEach, describe, expect, it } from '@jest/globals'
import { WeftError } from '@weft/core'
import { RpcPeer } from './rpc.ts'

type Remote = {
  readonly add: (a: number, b: number) => number
  readonly refuse: () => Promise<void>
  readonly fail: () => void
  readonly hang: () => Promise<void>
  readonly note: (text: string) => void
}

const open: MessageChannel[] = []
afterEach(() => {
  for (const { port1, port2 } of open.splice(0)) {
    port1.close()
    port2.close()
  }
})

function pair(): { readonly near: RpcPeer<Remote>; readonly notes: string[] } {
  const channel = new MessageChannel()
  open.push(channel)
  const notes: string[] = []
  const far: Remote = {
    add: (a, b) => a + b,
    refuse: () => Promise.reject(new WeftError('NOT_FOUND', { kind: 'Function', name: 'x' })),
    fail: () => {
      throw new TypeError('broken')
    },
    hang: () => new Promise(() => undefined),
    note: (text) => void notes.push(text),
  }
  const peers = { far: new RpcPeer(channel.port2, far), near: new RpcPeer<Remote>(channel.port1, {}) }
  return { near: peers.near, notes }
}

describe('calls over a message port', () => {
  it('come back with their own result, however many are under way', async () => {
    const { near } = pair()
    expect(await Promise.all([near.call('add', 1, 2), near.call('add', 3, 4)])).toEqual([3, 7])
  })

  it('carry errors of the registry as what they are', async () => {
    const { near } = pair()
    await expect(near.call('refuse')).rejects.toMatchObject({ name: 'WeftError', code: 'NOT_FOUND', status: 404, fields: { kind: 'Function', name: 'x' } })
  })

  it('carry any other error by its message', async () => {
    await expect(pair().near.call('fail')).rejects.toThrow('broken')
  })

  it('to a method that is not there fail, those of every object included', async () => {
    const { near } = pair()
    const untyped = near as unknown as RpcPeer<{ readonly toString: () => string; readonly nope: () => void }>
    await expect(untyped.call('nope')).rejects.toThrow('no method nope')
    await expect(untyped.call('toString')).rejects.toThrow('no method toString')
  })

  it('that are only told are in order with those that are waited for', async () => {
    const { near, notes } = pair()
    near.tell('note', 'first')
    await near.call('note', 'second')
    expect(notes).toEqual(['first', 'second'])
  })

  it('fail when the other end is gone, those under way and those to come', async () => {
    const { near } = pair()
    const under = near.call('hang')
    near.end(new WeftError('MESH_WORKER_FAILED', { reason: 'gone' }))
    await expect(under).rejects.toMatchObject({ code: 'MESH_WORKER_FAILED' })
    await expect(near.call('add', 1, 2)).rejects.toMatchObject({ code: 'MESH_WORKER_FAILED' })
  })
})
