/** In CI a test that failed is tried once more, with the first failure in the log: a shared machine may stall, and a test that needs this often is to be mended. */
import { jest } from '@jest/globals'

if (process.env['CI'] === 'true') jest.retryTimes(1, { logErrorsBeforeRetry: true })
