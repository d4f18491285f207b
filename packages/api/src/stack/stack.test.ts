import { describe, expect, it } from '@jest/globals'
import { mergeEnvironment, parseEnvironmentFile, parseStack, parseTemplateFile, selectFunctions } from './stack.ts'

const read = (text: string, env: Record<string, string> = {}) => parseStack(text, { file: 'stack.yaml', lookup: (name) => env[name] })

const WHOLE = `
version: "1.0"
provider:
  name: openfaas
  gateway: \${GATEWAY:-http://127.0.0.1:8080}
x-defaults: &defaults
  lang: node22
  environment: { A: default, port: 080 }
functions:
  hello:
    <<: *defaults
    handler: ./hello
    image: \${PREFIX}/hello:1.10
    fprocess: node index.js
    namespace: staging
    environment:
      write_debug: true
      ratio: 1.0
      nothing:
    environment_file: [a.yml, b.yml]
    secrets: [s1, s2]
    skip_build: true
    constraints: ["zone=a"]
    labels: { com.openfaas.scale.zero: true }
    annotations: { topic: "a,b" }
    limits: { memory: 128Mi, cpu: 100m }
    requests: { memory: 64Mi }
    readonly_root_filesystem: yes
    build_options: [dev]
    build_args: { N: 1 }
    build_secrets: { npmrc: ./.npmrc }
    platforms: linux/amd64
  bare:
    lang: dockerfile
    handler: ./bare
    labels:
configuration:
  templates:
    - name: node22
      source: https://example.com/templates.git
    - name: other
  copy: [./common]
`

describe('stack.yaml', () => {
  it('reads the whole schema, texts as they stand there', () => {
    const stack = read(WHOLE, { PREFIX: 'ghcr.io/me' })
    expect(stack).toMatchObject({
      gateway: 'http://127.0.0.1:8080',
      templates: [{ name: 'node22', source: 'https://example.com/templates.git' }, { name: 'other' }],
      copy: ['./common'],
      warnings: [],
    })
    expect(stack.functions[0]).toEqual({
      name: 'hello',
      lang: 'node22',
      handler: './hello',
      image: 'ghcr.io/me/hello:1.10',
      fprocess: 'node index.js',
      namespace: 'staging',
      environment: { write_debug: 'true', ratio: '1.0', nothing: '' },
      environmentFiles: ['a.yml', 'b.yml'],
      secrets: ['s1', 's2'],
      skipBuild: true,
      constraints: ['zone=a'],
      labels: { 'com.openfaas.scale.zero': 'true' },
      annotations: { topic: 'a,b' },
      limits: { memory: '128Mi', cpu: '100m' },
      requests: { memory: '64Mi' },
      readOnlyRootFilesystem: true,
      buildOptions: ['dev'],
      buildArgs: { N: '1' },
      buildSecrets: { npmrc: './.npmrc' },
      platforms: 'linux/amd64',
    })
    expect(stack.functions[1]).toMatchObject({ name: 'bare', lang: 'dockerfile', labels: {}, skipBuild: false })
  })

  it('tells of fields that it does not know', () => {
    expect(read('functions:\n  a:\n    lang: node22\n    enviroment: {}\nprovidr: {}').warnings).toEqual([
      'the field providr is not known and is ignored',
      'the field functions.a.enviroment is not known and is ignored',
    ])
  })

  it('leaves ${…} alone when asked', () => {
    expect(parseStack('functions: { a: { image: "${X}" } }', { file: 'f' }).functions[0]?.image).toBe('${X}')
  })

  it.each([
    ['no functions', 'version: "1.0"\n', /no functions/, ''],
    ['a foreign version', 'version: "2.0"\nfunctions: {a: {}}', /"2.0"; the only version/, ':1:10'],
    ['a foreign provider', 'provider:\n  name: kubeless\nfunctions: {a: {}}', /the only provider/, ':2:9'],
    ['a bad name', 'functions:\n  Hello_1:\n    lang: x', /"Hello_1" is not a name/, ':3:5'],
    ['a list where a mapping must be', 'functions:\n  a:\n    environment: [x]', /functions.a.environment must be a mapping/, ':3:18'],
    ['a mapping where a text must be', 'functions:\n  a:\n    image: {x: y}', /functions.a.image must be a text/, ':3:12'],
    ['a text where yes or no must be', 'functions:\n  a:\n    skip_build: perhaps', /must be true or false/, ':3:17'],
    ['broken YAML', 'functions:\n  a: [', /end with a ]/, ':2:7'],
    ['a key twice', 'functions:\n  a: {}\n  a: {}', /unique/, ':3:3'],
  ])('says where there is %s', (_, text, reason, position) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({
        code: 'INVALID_STACK',
        fields: { file: 'stack.yaml', position: expect.stringContaining(position), reason: expect.stringMatching(reason) },
      }),
    )
  })

  it('merges the environment: file, then environment files, then the command line', () => {
    const file = parseEnvironmentFile('environment:\n  A: from-file\n  B: 2\n', 'env.yml')
    expect(mergeEnvironment({ A: 'yaml', C: 'yaml' }, file, { B: 'flag' })).toEqual({ A: 'from-file', B: 'flag', C: 'yaml' })
  })

  it.each([
    ['nothing', {}, ['abc', 'abd', 'x']],
    ['a pattern', { filter: 'ab?' }, ['abc', 'abd']],
    ['a regular expression', { regex: /^a.c$/ }, ['abc']],
  ])('chooses functions by %s', (_, choice, names) => {
    const stack = read('functions: { abc: {}, abd: {}, x: {} }')
    expect(selectFunctions(stack, choice).map((entry) => entry.name)).toEqual(names)
  })

  it('reads a template.yml', () => {
    const text =
      'language: node22\nfprocess: node index.js\nhandler_folder: src\nbuild_options:\n  - name: dev\n    packages: [make, gcc]\nwelcome_message: |\n  Hi\n'
    expect(parseTemplateFile(text, 'template.yml')).toEqual({
      language: 'node22',
      fprocess: 'node index.js',
      welcomeMessage: 'Hi\n',
      handlerFolder: 'src',
      buildOptions: { dev: ['make', 'gcc'] },
    })
    expect(parseTemplateFile('language: x', 'template.yml').handlerFolder).toBe('function')
  })
})
