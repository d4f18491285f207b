import { lstatSync, readlinkSync } from 'node:fs'

/** A command in namespaces of its own, arranged as the process provider does it: only the loopback, `/etc/resolv.conf` writable by the replica. */
export function sandboxCommand(command: readonly string[], see: { readonly writable: string; readonly readable: readonly string[] }): string[] {
  const top = ['/bin', '/sbin', '/lib', '/lib64'].flatMap((path) => {
    const known = lstatSync(path, { throwIfNoEntry: false })
    if (known === undefined) return []
    return known.isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path]
  })
  return [
    'bwrap',
    '--unshare-net',
    '--unshare-pid',
    '--die-with-parent',
    ...['--ro-bind', '/usr', '/usr', ...top, '--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'],
    ...['--bind', see.writable, see.writable, ...see.readable.flatMap((path) => ['--ro-bind', path, path])],
    ...[
      '--tmpfs',
      '/weft/etc',
      '--dir',
      '/etc',
      '--symlink',
      '/weft/etc/resolv.conf',
      '/etc/resolv.conf',
      '--ro-bind',
      '/etc/nsswitch.conf',
      '/etc/nsswitch.conf',
    ],
    ...['--cap-add', 'CAP_NET_BIND_SERVICE', '--'],
    ...command,
  ]
}
