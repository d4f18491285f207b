/** Everything that is needed to spawn one incarnation. */
export interface LaunchPlan {
  /** Program and arguments; nothing in it is secret, every user of the machine can read it. */
  readonly command: readonly string[]
  /** Environment of the first program. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  /** Arguments that bubblewrap reads from a pipe: the function's environment is among them. */
  readonly sandboxArguments?: readonly string[]
  /** First content of `/etc/hosts`, read from a pipe. */
  readonly hosts?: string
  /** Program of the system-call filter, read from a pipe. */
  readonly seccomp?: Uint8Array
  /** The user that the first program runs as, when it is not ours. */
  readonly uid?: number
}

/** Descriptor of the pipe that opens the gate. */
export const GATE_FD = 5
/** Descriptor that bubblewrap reads its arguments from. */
export const ARGUMENTS_FD = 6
/** Descriptor that bubblewrap writes the process id of the sandbox to. */
export const INFO_FD = 7
/** Descriptor that bubblewrap reads the system-call filter from. */
export const SECCOMP_FD = 8
/** Descriptor that bubblewrap copies the hosts file from. */
export const HOSTS_FD = 9

/**
 * Waits for a line on the gate pipe before it becomes the real program: by then its process id is recorded and in its control groups, so
 * that nothing it starts can escape them.
 */
export const GATE = ['/bin/sh', '-c', `read -r go <&${GATE_FD} || exit 125; exec "$@" ${GATE_FD}<&-`, 'weft-replica'] as const

/** The paths of one incarnation on the host. */
export interface IncarnationPaths {
  readonly artifactDirectory?: string
  readonly runtimeBundle: string
  readonly inboundSocket: string
  /** Bound into the sandbox; Envoy makes the outbound socket in it. */
  readonly outboundDirectory: string
  readonly outboundSocket: string
  /** Files that are this replica's alone: `tmp/`, `secrets/`, `etc/`. */
  readonly privateDirectory: string
}

/** What a launch is planned from. */
export interface LaunchInput {
  readonly paths: IncarnationPaths
  readonly nodeBinary: string
  /** Options of Node.js itself. */
  readonly nodeOptions: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly uid?: number
  /** Set where the limit is not kept by a control group. */
  readonly maxProcesses?: number
  /** Names of secrets, for the directories `/NAME`. */
  readonly secrets: readonly string[]
  readonly programs: { readonly bwrap?: string; readonly setpriv?: string; readonly prlimit?: string }
  readonly seccomp?: Uint8Array
  readonly memoryLimitBytes?: number
  /** How the host's root directory looks; see `rootEntries`. */
  readonly root: readonly RootEntry[]
}

/** `/bin`, `/lib` and the like: a link into `/usr` on most systems, a directory on others. */
export interface RootEntry {
  readonly path: string
  readonly link?: string
}
