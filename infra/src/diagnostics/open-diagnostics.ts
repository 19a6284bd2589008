import type { PrivateRoutes } from '../health-server.js'
import type { Logger } from '../logging.js'
import { createDiagnostics } from './diagnostics.js'
import { diagnosticRoutes } from './routes.js'

interface DiagnosticsVariables {
  readonly DIAGNOSTICS_TOKEN?: string | undefined
  readonly HEAP_PROFILE: boolean
}

/** The routes of a service that is one process. */
export const openDiagnostics = async (
  { DIAGNOSTICS_TOKEN: token, HEAP_PROFILE: heapFromStart }: DiagnosticsVariables,
  logger: Logger,
): Promise<PrivateRoutes> =>
  diagnosticRoutes({ token, diagnostics: await createDiagnostics({ logger, heapFromStart }) })
