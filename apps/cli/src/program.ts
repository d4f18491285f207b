import type { Program } from './cli.ts'
import { canaryCommands } from './commands/canary.ts'
import { completionCommand } from './commands/completion.ts'
import { buildCommand, deployCommand, upCommand } from './commands/deploy.ts'
import { describeCommand } from './commands/describe.ts'
import { generateCommand } from './commands/generate.ts'
import { invokeCommand } from './commands/invoke.ts'
import { listCommand } from './commands/list.ts'
import { loginCommand, logoutCommand } from './commands/login.ts'
import { logsCommand } from './commands/logs.ts'
import { meshCommands } from './commands/mesh.ts'
import { meshAnalyzeCommand } from './commands/mesh-analyze.ts'
import { meshConvertCommand } from './commands/mesh-convert.ts'
import { meshDiffCommand } from './commands/mesh-diff.ts'
import { meshSuggestCommand } from './commands/mesh-suggest.ts'
import { meshGraphCommand } from './commands/mesh-graph.ts'
import { meshTapCommand } from './commands/mesh-tap.ts'
import { meshWaitCommand } from './commands/mesh-wait.ts'
import { meshExplainCommands } from './commands/mesh-explain.ts'
import { namespaceCommands } from './commands/namespace.ts'
import { newCommand } from './commands/new.ts'
import { readyCommand } from './commands/ready.ts'
import { applyCommand, deleteCommand, getCommand } from './commands/resources.ts'
import { removeCommand, scaleCommand } from './commands/remove.ts'
import { revisionsCommand, rollbackCommand } from './commands/revisions.ts'
import { secretCommands } from './commands/secret.ts'
import { startCommand } from './commands/start.ts'
import { templateCommands } from './commands/template.ts'
import { trafficClearCommand, trafficSetCommand, trafficShowCommand } from './commands/traffic.ts'
import { versionCommand } from './commands/version.ts'
import { VERSION } from './version.ts'

/** The `weft` command line. */
export const weftProgram: Program = {
  name: 'weft',
  summary: 'A serverless function platform with the service mesh built in',
  version: VERSION,
  commands: [
    startCommand,
    newCommand,
    buildCommand,
    deployCommand,
    upCommand,
    listCommand,
    describeCommand,
    readyCommand,
    invokeCommand,
    logsCommand,
    removeCommand,
    scaleCommand,
    revisionsCommand,
    rollbackCommand,
    trafficSetCommand,
    trafficShowCommand,
    trafficClearCommand,
    ...canaryCommands,
    ...secretCommands,
    ...namespaceCommands,
    ...meshCommands,
    ...meshExplainCommands,
    meshAnalyzeCommand,
    meshConvertCommand,
    meshDiffCommand,
    meshSuggestCommand,
    meshGraphCommand,
    meshTapCommand,
    meshWaitCommand,
    applyCommand,
    getCommand,
    deleteCommand,
    ...templateCommands,
    generateCommand,
    loginCommand,
    logoutCommand,
    versionCommand,
    completionCommand('weft', () => weftProgram.commands),
  ],
}
