import {
  ATTR_DB_OPERATION_BATCH_SIZE,
  ATTR_DB_OPERATION_NAME,
  ATTR_DB_STORED_PROCEDURE_NAME,
  ATTR_DB_SYSTEM_NAME,
  ATTR_ERROR_TYPE,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_URL_PATH,
  ATTR_URL_SCHEME,
} from '@opentelemetry/semantic-conventions'

/**
 * The names of what spans say, after the semantic conventions of OpenTelemetry. Those that are stable come from their
 * package; the others may be renamed there with any release, and are written out here.
 */
export const ATTRIBUTES = {
  httpMethod: ATTR_HTTP_REQUEST_METHOD,
  httpRoute: ATTR_HTTP_ROUTE,
  httpStatus: ATTR_HTTP_RESPONSE_STATUS_CODE,
  urlPath: ATTR_URL_PATH,
  urlScheme: ATTR_URL_SCHEME,
  errorType: ATTR_ERROR_TYPE,
  dbSystem: ATTR_DB_SYSTEM_NAME,
  dbOperation: ATTR_DB_OPERATION_NAME,
  dbProcedure: ATTR_DB_STORED_PROCEDURE_NAME,
  dbBatchSize: ATTR_DB_OPERATION_BATCH_SIZE,
  messagingSystem: 'messaging.system',
  messagingOperation: 'messaging.operation.name',
  messagingOperationType: 'messaging.operation.type',
  messagingDestination: 'messaging.destination.name',
  messagingTemplate: 'messaging.destination.template',
  messagingBatchSize: 'messaging.batch.message_count',
  graphqlType: 'graphql.operation.type',
  graphqlName: 'graphql.operation.name',
  /** True of the span of a batch; those of its votes have the same name. */
  batch: 'votestream.batch',
  /** Votes of the batch that are sampled, linked or not. */
  sampledVotes: 'votestream.sampled_votes',
  shard: 'votestream.shard',
} as const

export type Attributes = Readonly<Record<string, string | number | boolean>>

interface Messaging {
  /** In the broker's words: send, process, append, publish, push. */
  readonly operation: string
  /** As the conventions class it. */
  readonly type: 'send' | 'process' | 'receive'
  /** A subject or a stream. */
  readonly destination: string
  /** The same without what makes it one of many. */
  readonly template: string
}

export const messagingAttributes = ({ operation, type, destination, template }: Messaging): Attributes => ({
  [ATTRIBUTES.messagingSystem]: 'nats',
  [ATTRIBUTES.messagingOperation]: operation,
  [ATTRIBUTES.messagingOperationType]: type,
  [ATTRIBUTES.messagingDestination]: destination,
  [ATTRIBUTES.messagingTemplate]: template,
})
