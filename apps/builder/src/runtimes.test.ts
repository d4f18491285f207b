import { describe, expect, it } from '@jest/globals'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { CONTRACTS } from '@weft/api'
import { chooseRuntime, RUNTIMES, RUNTIME_NAMES } from './runtimes.ts'

describe('runtime names', () => {
  it.each([
    ['node18', 'openfaas', true],
    ['node22', 'openfaas', true],
    ['NODE24', 'openfaas', true],
    ['node', 'openfaas', true],
    ['node10-express', 'openfaas', false],
    ['nodejs10', 'kubeless', false],
    ['nodejs14', 'kubeless', false],
    ['nodejs6', 'node-http', false],
    ['nodejs8', 'node-http', false],
    ['fetch', 'fetch', false],
    ['fetch-ts', 'fetch', false],
    ['cloudevent', 'cloudevent', false],
    ['process', 'process', false],
    ['dockerfile', 'process', false],
  ])('takes %s for the contract %s', (name, contract, runsTests) => {
    expect(chooseRuntime(name)).toMatchObject({ name: name.toLowerCase(), contract, runsTests })
  })

  it('lets --contract win', () => {
    expect(chooseRuntime('node22', 'fetch')).toMatchObject({ contract: 'fetch', runsTests: false })
  })

  it.each([
    ['node10-express-service', /module\.exports = app/],
    ['python3-http', /--fprocess/],
    ['golang-middleware', /--fprocess/],
    ['bun-express', /fetch/],
    ['nodejss', /use one of: node, node18/],
  ])('refuses %s and says what to use', (name, help) => {
    expect(() => chooseRuntime(name)).toThrow(expect.objectContaining({ code: 'UNKNOWN_RUNTIME', help: expect.stringMatching(help) }))
  })

  it('has each name once and only contracts that exist', () => {
    expect(new Set(RUNTIME_NAMES).size).toBe(RUNTIME_NAMES.length)
    for (const { contract } of RUNTIMES) expect(CONTRACTS).toContain(contract)
  })
})

describe('docs/guide/runtimes.md', () => {
  it('has a row for each entry of the catalogue, with its contract', async () => {
    const page = await readFile(fileURLToPath(new URL('../../../docs/guide/runtimes.md', import.meta.url)), 'utf8')
    for (const { names, contract, runsTests } of RUNTIMES) {
      const tests = contract === 'process' ? '-' : runsTests ? 'yes' : 'no'
      expect(page).toContain(`| ${names.map((name) => `\`${name}\``).join(', ')} | ${contract} | ${tests} |`)
    }
  })
})
