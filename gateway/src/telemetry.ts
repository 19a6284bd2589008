import type { Logger } from '@votestream/infra/logging'
import { startTelemetry, type Telemetry } from '@votestream/infra/telemetry/telemetry'
import type { GatewayEnvironment } from './environment.js'

/** Of one process; there may be several workers, each of which is one by itself. */
export const startGatewayTelemetry = (environment: GatewayEnvironment, logger: Logger): Promise<Telemetry> =>
  startTelemetry({
    service: 'gateway',
    instance: `${environment.INSTANCE_NAME ?? 'gateway'}-${process.pid}`,
    environment,
    // Each worker has its share: connections are handed to them in turn.
    fromClientsPerSecondMax: Math.ceil(
      environment.TRACES_FROM_CLIENTS_PER_SECOND_MAX / environment.GATEWAY_WORKERS,
    ),
    byLotPerSecondMax: Math.ceil(environment.TRACES_PER_SECOND_MAX / environment.GATEWAY_WORKERS),
    logger,
  })
