export { startController, type Controller, type ControllerOptions } from './controller.ts'
export { GRANT_ANNOTATION, type ImageResolver } from './spec-resolver.ts'
