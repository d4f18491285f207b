import { describe, expect, it } from '@jest/globals'
import { dockerfileEnv } from './dockerfile.ts'

describe('ENV of a Dockerfile', () => {
  it.each([
    [
      'both forms',
      'FROM x\nENV fprocess="python3 index.py" mode=http\nENV upstream_url http://127.0.0.1:3000',
      { fprocess: 'python3 index.py', mode: 'http', upstream_url: 'http://127.0.0.1:3000' },
    ],
    ['the last stage only', 'FROM a AS build\nENV A=1\nFROM b\nENV B=2', { B: '2' }],
    ['lines that go on', "FROM a\nENV A=1 \\\n  B='2 3'", { A: '1', B: '2 3' }],
    ['variables, which are left out', 'FROM a\nENV PATH=$PATH:/x B=${C} D=1', { D: '1' }],
    ['the last value', 'FROM a\nENV A=1\nENV A=2', { A: '2' }],
    ['nothing', 'FROM a\nRUN echo ENV A=1', {}],
  ])('reads %s', (_, text, env) => {
    expect(dockerfileEnv(text)).toEqual(env)
  })
})
