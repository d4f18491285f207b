import { describe, expect, it } from '@jest/globals'
import { normaliseFlags } from './flags.ts'

const OPTIONS = [
  { flags: '--readonly', description: '' },
  { flags: '--no-envsubst', description: '' },
  { flags: '-e, --env <pair>', description: '' },
  { flags: '--follow', description: '' },
  { flags: '--output <format>', description: '' },
]

describe('flags in the words of Go programs', () => {
  it.each([
    ['a switch that is true', ['--readonly=true'], ['--readonly']],
    ['a switch that is false', ['--readonly=false'], []],
    ['a switch without a value', ['--readonly'], ['--readonly']],
    ['what is so anyway', ['--envsubst'], []],
    ['what is so anyway, said to be true', ['--envsubst=true'], []],
    ['what is so anyway, switched off', ['--envsubst=false'], ['--no-envsubst']],
    ['our own word for that', ['--no-envsubst'], ['--no-envsubst']],
    ['an option with a value', ['--env', 'A=true', '--output=json'], ['--env', 'A=true', '--output=json']],
    ['a value of an option that looks like a flag', ['--env=true'], ['--env=true']],
    ['an option that nobody knows', ['--unknown=false'], ['--unknown=false']],
    ['arguments after --', ['x', '--', '--readonly=false'], ['x', '--', '--readonly=false']],
  ])('%s', (_name, given, wanted) => {
    expect(normaliseFlags(given, OPTIONS)).toEqual(wanted)
  })
})
