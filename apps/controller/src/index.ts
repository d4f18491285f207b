export { startController, type Controller, type ControllerOptions } from './controller.ts'
export { GRANT_ANNOTATION } from './spec-resolver.ts'
