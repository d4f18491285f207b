/** @type {import('jest').Config} */
export default {
  testMatch: ['<rootDir>/{apps,packages,runtimes,test,scripts}/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/fixtures/'],
  modulePathIgnorePatterns: ['/dist/', '/fixtures/', '/templates/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2024', parser: { syntax: 'typescript' }, experimental: { keepImportAttributes: true } },
        module: { type: 'es6' },
      },
    ],
  },
  setupFilesAfterEnv: ['<rootDir>/scripts/jest-setup.ts'],
  testEnvironment: 'node',
  testTimeout: 60_000,
  maxWorkers: 2,
}
