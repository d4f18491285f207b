import { REPLICA_PATH } from '../environment.ts'
import { GATE, type LaunchInput, type LaunchPlan } from './plan.ts'

function limits(input: LaunchInput): string[] {
  const { prlimit } = input.programs
  return input.maxProcesses === undefined || prlimit === undefined ? [] : [prlimit, `--nproc=${input.maxProcesses}`]
}

function privileges(input: LaunchInput): string[] {
  const { setpriv } = input.programs
  return setpriv === undefined ? [] : [setpriv, '--no-new-privs', '--pdeathsig', 'KILL']
}

/** A replica without a sandbox: as its own user when there is one, otherwise as ourselves. It dies with us where `setpriv` is installed. */
export function planPlain(input: LaunchInput): LaunchPlan {
  const { paths } = input
  return {
    command: [...GATE, ...limits(input), ...privileges(input), input.nodeBinary, ...input.nodeOptions, paths.runtimeBundle],
    env: { PATH: REPLICA_PATH, ...input.env },
    cwd: paths.artifactDirectory ?? `${paths.privateDirectory}/tmp`,
    ...(input.uid === undefined ? {} : { uid: input.uid }),
  }
}
