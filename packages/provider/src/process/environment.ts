/** Directories that programs are searched in, whatever the platform's own PATH is. */
export const REPLICA_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/
/** Variables by which a loader, shell or runtime would run other code than the function's; refused at the door too. */
const STEERING =
  /^(?:LD_|DYLD_|WEFT_|NODE_OPTIONS$|NODE_REPL_|NODE_CHANNEL_|NODE_UNIQUE_ID$|GLIBC_TUNABLES$|GCONV_PATH$|LOCPATH$|BASH_ENV$|ENV$|SHELLOPTS$|BASHOPTS$|PS4$|IFS$|BASH_FUNC_)/

/** What the environment of a replica is made from. */
export interface EnvironmentInput {
  readonly user: Readonly<Record<string, string>>
  readonly home: string
  /** JSON of the runtime's configuration. */
  readonly config: string
  /** Where secrets are when they cannot be at their usual place. */
  readonly secretsDirectory?: string
}

/**
 * The whole environment of a replica: nothing of the platform's own is in it. The user's variables win over the defaults, except those that
 * steer loaders and runtimes, which are dropped.
 */
export function replicaEnvironment(input: EnvironmentInput): Record<string, string> {
  const kept = Object.entries(input.user).filter(([name, value]) => NAME.test(name) && !STEERING.test(name) && !value.includes('\0'))
  return {
    PATH: REPLICA_PATH,
    HOME: input.home,
    TMPDIR: input.home,
    LANG: 'C.UTF-8',
    ...(input.secretsDirectory === undefined ? {} : { secret_mount_path: input.secretsDirectory }),
    ...Object.fromEntries(kept),
    WEFT_RUNTIME_CONFIG: input.config,
  }
}
