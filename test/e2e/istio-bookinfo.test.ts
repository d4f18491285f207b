import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ask, TestPlatform, until } from '@weft/test-harness'

const FILES = fileURLToPath(new URL('fixtures/istio-bookinfo/', import.meta.url))
const JASON = { headers: { 'end-user': 'jason' } }

let platform: TestPlatform
beforeAll(async () => {
  platform = await TestPlatform.start()
  await platform.weftOk(['apply', '-f', 'functions/bookinfo/stack.yaml'])
  await platform.weftOk(['apply', '-f', 'functions/bookinfo/mesh'])
  await until('the page', async () => (await platform.call('productpage?json')).status === 200)
}, 240_000)
afterAll(async () => {
  await platform[Symbol.asyncDispose]()
})

const flagsOf = (files: readonly string[]): readonly string[] => files.flatMap((file) => ['-f', `${FILES}${file}.yaml`])

interface Status {
  readonly snapshotVersion: number
  readonly proxies: readonly { readonly types: readonly { readonly sentVersion: string; readonly ackedVersion: string }[] }[]
}

const status = async (): Promise<Status> => JSON.parse((await platform.api('GET', '/apis/mesh.weft.dev/v1alpha1/status')).text) as Status

/** Files that change nothing that a proxy has (other names for the same) give no new snapshot. */
const SAME_SNAPSHOT_MS = 3_000

/** Applies files and waits until every proxy has acknowledged what follows from them. */
async function apply(...files: readonly string[]): Promise<void> {
  const before = (await status()).snapshotVersion
  if (!/created|configured/.test(await platform.weftOk(['apply', ...flagsOf(files)]))) return
  const since = Date.now()
  await until('the files are in force', async () => {
    const { snapshotVersion, proxies } = await status()
    if (snapshotVersion === before && Date.now() - since < SAME_SNAPSHOT_MS) return false
    return proxies.every(({ types }) => types.every(({ sentVersion, ackedVersion }) => sentVersion === ackedVersion))
  })
}

interface Reviews {
  readonly version: string
  readonly reviews: readonly { readonly rating?: { readonly error?: string } }[]
}

async function reviews(options: { readonly headers?: Readonly<Record<string, string>> } = {}): Promise<Reviews> {
  return JSON.parse((await platform.call('reviews/reviews/0', options)).text) as Reviews
}

/** What stands where the stars should be. */
async function ratingError(options = {}): Promise<string | undefined> {
  return (await reviews(options)).reviews[0]?.rating?.error
}

/** How many of so many calls went to each version. */
async function versions(calls: number, options = {}): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {}
  let left = calls
  const worker = async () => {
    while (left-- > 0) {
      const { version } = await reviews(options)
      counts[version] = (counts[version] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: 4 }, worker))
  return counts
}

describe("Istio's own Bookinfo files, unedited", () => {
  it('are all accepted', async () => {
    const files = (await readdir(FILES)).filter((file) => file.endsWith('.yaml')).map((file) => file.slice(0, -'.yaml'.length))
    expect(files.length).toBeGreaterThan(20)
    await platform.weftOk(['apply', ...flagsOf(files)])
    await platform.weftOk(['delete', ...flagsOf(files)])
  }, 240_000)

  it('virtual-service-all-v1: every call goes to v1', async () => {
    await apply('destination-rule-all', 'virtual-service-all-v1')
    expect(await versions(40)).toEqual({ v1: 40 })
  })

  it('virtual-service-reviews-test-v2: jason sees v2, everybody else v1', async () => {
    await apply('virtual-service-reviews-test-v2')
    expect(await versions(20, JASON)).toEqual({ v2: 20 })
    expect(await versions(20)).toEqual({ v1: 20 })
  })

  it('virtual-service-ratings-test-delay: seven seconds for jason, so that the page has no reviews for him', async () => {
    await apply('virtual-service-ratings-test-delay')
    const began = performance.now()
    expect((await platform.call('ratings/ratings/0', JASON)).status).toBe(200)
    expect(performance.now() - began).toBeGreaterThan(6_900)
    expect((await platform.call('productpage?json', JASON)).text).toContain('"reviews":{"error":"no answer in time"}')
    const undisturbed = performance.now()
    expect((await platform.call('ratings/ratings/0')).status).toBe(200)
    expect(performance.now() - undisturbed).toBeLessThan(6_900)
  }, 60_000)

  it('virtual-service-ratings-test-abort: 500 for jason', async () => {
    await apply('virtual-service-ratings-test-abort')
    expect(await ratingError(JASON)).toBe('Ratings service is currently unavailable (500)')
    expect((await platform.call('ratings/ratings/0')).status).toBe(200)
    await apply('virtual-service-all-v1')
    expect(await ratingError(JASON)).toBeUndefined()
  })

  it.each<[string, Readonly<Record<string, number>>]>([
    ['virtual-service-reviews-50-v3', { v1: 0.5, v3: 0.5 }],
    ['virtual-service-reviews-80-20', { v1: 0.8, v2: 0.2 }],
    ['virtual-service-reviews-90-10', { v1: 0.9, v2: 0.1 }],
    ['virtual-service-reviews-v2-v3', { v2: 0.5, v3: 0.5 }],
    ['virtual-service-reviews-v3', { v3: 1 }],
  ])('%s: the shares are those that it says, within four deviations', async (file, shares) => {
    await apply(file)
    const calls = 400
    const counts = await versions(calls)
    expect(Object.keys(counts).toSorted()).toEqual(Object.keys(shares))
    for (const [version, share] of Object.entries(shares)) {
      expect(Math.abs((counts[version] ?? 0) - calls * share)).toBeLessThanOrEqual(4 * Math.sqrt(calls * share * (1 - share)))
    }
  })

  it('virtual-service-reviews-jason-v2-v3: jason sees v2, everybody else v3', async () => {
    await apply('virtual-service-reviews-jason-v2-v3')
    expect(await versions(20, JASON)).toEqual({ v2: 20 })
    expect(await versions(20)).toEqual({ v3: 20 })
  })

  it('fault-injection-details-v1: details are answered 555, and the page lives on', async () => {
    await apply('fault-injection-details-v1')
    expect((await platform.call('details/details/0')).status).toBe(555)
    expect((await platform.call('productpage?json')).text).toContain('"details":{"error":"status 555"}')
  })

  it('virtual-service-details-v2 and the databases: a version that is not there is answered 503, as under Istio', async () => {
    await apply('destination-rule-all', 'virtual-service-details-v2')
    expect((await platform.call('details/details/0')).status).toBe(503)
    for (const file of ['virtual-service-ratings-mysql', 'virtual-service-ratings-mysql-vm']) {
      await apply(file)
      expect(await ratingError()).toBe('Ratings service is currently unavailable (503)')
    }
    await apply('virtual-service-all-v1')
    expect((await platform.call('details/details/0')).status).toBe(200)
  })

  it('destination-rule-all-mtls: mutual TLS that is there anyway', async () => {
    await apply('destination-rule-all-mtls')
    expect(await versions(10)).toEqual({ v1: 10 })
  })

  it('bookinfo-gateway: the page under any host, and the platform under its own paths', async () => {
    await apply('bookinfo-gateway')
    const page = await until('the page by the Gateway', async () => {
      const answer = await ask(`${platform.gateway}/productpage`, { headers: { host: 'books.example.com' } })
      return answer.status === 200 && answer.text
    })
    expect(page).toContain('<h1>The Comedy of Errors</h1>')
    expect((await ask(`${platform.gateway}/login`, { headers: { host: 'books.example.com' } })).status).toBe(200)
    expect((await ask(`${platform.gateway}/elsewhere`, { headers: { host: 'books.example.com' } })).status).toBe(404)
    expect((await platform.call('productpage?json')).status).toBe(200)
  })
})
