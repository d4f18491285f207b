import { ConfigFile } from '@weft/standalone'

interface SchemaNode {
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly string[]
  readonly type?: string
  readonly properties?: Readonly<Record<string, SchemaNode>>
}

/** `docs/reference/configuration.md` from the schema of `weft.yaml`. */
export function configurationPage(): string {
  return `# Configuration

\`weft start\` reads, in this order of authority: its flags, environment variables, and \`weft.yaml\` of the working directory (or \`--config FILE\`). Every setting has
a default. A setting that does not exist is refused.

| setting | values | default | what it is |
|---|---|---|---|
${rows('', ConfigFile).join('\n')}

## Environment variables

| variable | what it is |
|---|---|
| \`WEFT_LISTEN\`, \`WEFT_METRICS_LISTEN\`, \`WEFT_DATA_DIR\`, \`WEFT_RUN_DIR\`, \`WEFT_AUTH\`, \`WEFT_ISOLATION\` | the settings of the same name |
| \`OTEL_EXPORTER_OTLP_ENDPOINT\`, \`OTEL_EXPORTER_OTLP_PROTOCOL\`, \`OTEL_TRACES_SAMPLER_ARG\` | \`tracing.endpoint\`, \`tracing.protocol\`, \`tracing.sampling\` (as a share from 0 to 1) |
| \`WEFT_ENVOY\` | path of an Envoy to use; else \`envoy\` on the PATH, else the pinned one is fetched once |
| \`WEFT_GATEWAY\`, \`OPENFAAS_URL\` | gateway that the command line talks to |
| \`XDG_DATA_HOME\`, \`XDG_RUNTIME_DIR\`, \`XDG_CACHE_HOME\`, \`XDG_CONFIG_HOME\` | where data, sockets, downloads and credentials go, as the XDG specification has it |
`
}

function rows(prefix: string, node: SchemaNode): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, value]) => {
    const name = prefix === '' ? key : `${prefix}.${key}`
    if (value.properties !== undefined) return rows(name, value)
    const values = value.enum?.map((each) => `\`${each}\``).join(', ') ?? value.type ?? ''
    return [`| \`${name}\` | ${values} | ${value.default === undefined ? '' : `\`${String(value.default)}\``} | ${value.description ?? ''} |`]
  })
}
