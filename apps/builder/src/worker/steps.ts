import type { ArtifactInput } from '@weft/artifacts'
import { buildNode } from '../node/build-node.ts'
import { buildProgram } from '../program/build-program.ts'
import type { NodeBuild } from '../task.ts'

/** Builds what the runtime asks for. @throws WeftError `BUILD_FAILED` */
export function buildFor(task: NodeBuild): Promise<ArtifactInput> {
  return task.runtime.contract === 'process' ? buildProgram(task) : buildNode(task)
}
