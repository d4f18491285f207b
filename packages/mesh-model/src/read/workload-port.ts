/** The port that a function's workload has, whatever port of its host was called (as the encoder has it). */
export const WORKLOAD_PORT = 8080
