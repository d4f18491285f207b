import { extname } from 'node:path'
import { REPLICA_PATH } from '../environment.ts'
import { ARGUMENTS_FD, GATE, HOSTS_FD, INFO_FD, SECCOMP_FD, type LaunchInput, type LaunchPlan } from './plan.ts'

/** Where things are inside a sandbox. */
export const INSIDE = {
  function: '/function',
  node: '/weft/node',
  mesh: '/weft/mesh',
  outboundSocket: '/weft/mesh/out.sock',
  secrets: '/var/openfaas/secrets',
} as const

const TMP_BYTES = 512 * 1_048_576
const SMALL_BYTES = 1_048_576
const SHM_BYTES = 64 * 1_048_576
/** Names at the top of the sandbox that no secret's directory may take. */
const RESERVED = new Set([
  'usr',
  'bin',
  'sbin',
  'lib',
  'lib32',
  'lib64',
  'libx32',
  'etc',
  'var',
  'proc',
  'dev',
  'tmp',
  'sys',
  'run',
  'root',
  'home',
  'weft',
  'function',
])
/** Public files of the host that programs look for: certificates, time zone, alternatives, the linker's cache. */
const HOST_ETC = [
  'ssl/certs',
  'ssl/openssl.cnf',
  'pki/tls',
  'pki/ca-trust',
  'ca-certificates',
  'alternatives',
  'ld.so.cache',
  'localtime',
  'mime.types',
  'protocols',
  'services',
]

/** Where the runtime is inside a sandbox; its ending says what kind of module it is. */
function runtimeInside({ paths }: LaunchInput): string {
  return `/weft/runtime${extname(paths.runtimeBundle)}`
}

/** Whether a secret of that name can appear at `/NAME`. */
export function canMountAtRoot(secret: string): boolean {
  return !RESERVED.has(secret)
}

/**
 * The devices of a sandbox. Without root, bubblewrap's own `--dev` makes a second user namespace (for pseudo-terminals), which does not own the
 * network namespace: no port below 1024 could be listened on in it.
 */
function deviceArguments(uid: number | undefined): string[] {
  if (uid !== undefined) return ['--dev', '/dev']
  const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'].flatMap((name) => ['--dev-bind', `/dev/${name}`, `/dev/${name}`])
  const links = [['/proc/self/fd', 'fd'], ...['stdin', 'stdout', 'stderr'].map((name, fd) => [`/proc/self/fd/${fd}`, name])]
  return ['--tmpfs', '/dev', ...devices, '--dir', '/dev/shm', ...links.flatMap(([to = '', name = '']) => ['--symlink', to, `/dev/${name}`])]
}

function systemArguments(input: LaunchInput): string[] {
  const links = input.root.flatMap(({ path, link }) => (link === undefined ? ['--ro-bind', path, path] : ['--symlink', link, path]))
  return ['--ro-bind', '/usr', '/usr', ...links, '--proc', '/proc', ...deviceArguments(input.uid)]
}

function tmpfs(path: string, bytes: number): string[] {
  return ['--perms', '1777', '--size', String(bytes), '--tmpfs', path]
}

function writableArguments(tmpBytes: number): string[] {
  return [...tmpfs('/tmp', tmpBytes), ...tmpfs('/dev/shm', SHM_BYTES), '--dir', '/weft', ...tmpfs('/weft/etc', SMALL_BYTES)]
}

// hosts and resolv.conf are links into a small directory that the replica may write: the supervisor of a program puts the mesh names there.
function etcArguments(privateDirectory: string): string[] {
  const own = (file: string) => ['--ro-bind', `${privateDirectory}/etc/${file}`, `/etc/${file}`]
  const host = HOST_ETC.flatMap((path) => ['--ro-bind-try', `/etc/${path}`, `/etc/${path}`])
  const parents = ['ssl', 'pki'].flatMap((path) => ['--dir', `/etc/${path}`])
  const links = ['hosts', 'resolv.conf'].flatMap((file) => ['--symlink', `/weft/etc/${file}`, `/etc/${file}`])
  const hosts = ['--perms', '0666', '--file', String(HOSTS_FD), '/weft/etc/hosts']
  return [...hosts, '--dir', '/etc', ...parents, ...host, ...own('passwd'), ...own('group'), ...own('nsswitch.conf'), ...links]
}

function secretArguments(input: LaunchInput): string[] {
  const base = `${input.paths.privateDirectory}/secrets`
  const flat = ['--dir', '/var', '--dir', '/var/openfaas', '--ro-bind', `${base}/flat`, INSIDE.secrets]
  const named = input.secrets.filter(canMountAtRoot).flatMap((name) => ['--ro-bind', `${base}/named/${name}`, `/${name}`])
  return input.secrets.length === 0 ? [] : [...flat, ...named]
}

function functionArguments(input: LaunchInput): string[] {
  const { paths } = input
  return [
    ...(paths.artifactDirectory === undefined ? ['--dir', INSIDE.function] : ['--ro-bind', paths.artifactDirectory, INSIDE.function]),
    '--ro-bind',
    input.nodeBinary,
    INSIDE.node,
    '--ro-bind',
    paths.runtimeBundle,
    runtimeInside(input),
    '--ro-bind',
    paths.outboundDirectory,
    INSIDE.mesh,
  ]
}

// As root no user namespace is made: the replica's own uid is a real one. CAP_NET_BIND_SERVICE lets it listen on port 80 of its own loopback.
function privilegeArguments(uid: number | undefined): string[] {
  if (uid === undefined) return ['--unshare-user', '--cap-drop', 'ALL', '--cap-add', 'CAP_NET_BIND_SERVICE']
  const needed = ['CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP', 'CAP_NET_BIND_SERVICE']
  return ['--cap-drop', 'ALL', ...needed.flatMap((cap) => ['--cap-add', cap])]
}

function innerCommand(input: LaunchInput): string[] {
  const { setpriv = 'setpriv', prlimit = 'prlimit' } = input.programs
  const limits = input.maxProcesses === undefined ? [] : [prlimit, `--nproc=${input.maxProcesses}`]
  const bounds = ['--inh-caps=-all,+net_bind_service', '--ambient-caps=-all,+net_bind_service', '--bounding-set=-all,+net_bind_service']
  const user =
    input.uid === undefined ? [] : [setpriv, '--reuid', String(input.uid), '--regid', String(input.uid), '--clear-groups', '--no-new-privs', ...bounds]
  return [...limits, ...user, INSIDE.node, ...input.nodeOptions, runtimeInside(input)]
}

/**
 * A replica in a sandbox: namespaces of its own for processes, mounts, network, IPC and host name; in sight only the host's `/usr`, a few
 * public files of `/etc`, its artifact, its secrets and the directory with its outbound socket. The environment travels by pipe, so that no
 * other user of the machine reads it in a list of processes.
 */
export function planSandbox(input: LaunchInput): LaunchPlan {
  const { bwrap = 'bwrap' } = input.programs
  const environment = Object.entries(input.env).flatMap(([name, value]) => ['--setenv', name, value])
  const tmpBytes = input.memoryLimitBytes === undefined ? TMP_BYTES : Math.max(SMALL_BYTES, Math.min(TMP_BYTES, input.memoryLimitBytes))
  const sandboxArguments = [
    '--unshare-ipc',
    '--unshare-pid',
    '--unshare-net',
    '--unshare-uts',
    '--unshare-cgroup-try',
    '--hostname',
    'function',
    '--die-with-parent',
    '--new-session',
    '--clearenv',
    ...environment,
    ...systemArguments(input),
    ...writableArguments(tmpBytes),
    ...etcArguments(input.paths.privateDirectory),
    ...secretArguments(input),
    ...functionArguments(input),
    '--remount-ro',
    '/dev',
    '--remount-ro',
    '/',
    '--chdir',
    INSIDE.function,
    ...privilegeArguments(input.uid),
    '--info-fd',
    String(INFO_FD),
    ...(input.seccomp === undefined ? [] : ['--seccomp', String(SECCOMP_FD)]),
  ]
  return {
    command: [...GATE, bwrap, '--args', String(ARGUMENTS_FD), '--', ...innerCommand(input)],
    env: { PATH: REPLICA_PATH },
    cwd: '/',
    sandboxArguments,
    hosts: '127.0.0.1 localhost function\n::1 localhost\n',
    ...(input.seccomp === undefined ? {} : { seccomp: input.seccomp }),
  }
}
