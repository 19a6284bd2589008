import { awsEcsDetector, awsEksDetector } from '@opentelemetry/resource-detector-aws'
import { containerDetector } from '@opentelemetry/resource-detector-container'
import {
  detectResources,
  hostDetector,
  osDetector,
  type Resource,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions'

export interface ResourceOptions {
  /** As the traces name it. */
  readonly serviceName: string
  /** Unique among those that run at a time. */
  readonly instance: string
  /** What whoever runs it adds; it goes before what is found out. */
  readonly attributes: Readonly<Record<string, string>>
}

/**
 * Who exports: the service, its host, and the container, the task of ECS or the cluster of EKS that it runs in. Each
 * detector looks for a file or a variable of its own first, so elsewhere they find nothing at once; on AWS they ask the
 * platform, for a second or two at most, and what is exported waits for them. Arguments and users of processes are left
 * out: they may hold anything.
 */
export const createResource = ({ serviceName, instance, attributes }: ResourceOptions): Resource =>
  resourceFromAttributes({
    'process.pid': process.pid,
    'process.runtime.name': 'nodejs',
    'process.runtime.version': process.versions.node,
  })
    .merge(
      detectResources({
        detectors: [hostDetector, osDetector, containerDetector, awsEcsDetector, awsEksDetector],
      }),
    )
    .merge(
      resourceFromAttributes({
        [ATTR_SERVICE_NAME]: serviceName,
        'service.namespace': 'votestream',
        'service.instance.id': instance,
        ...attributes,
      }),
    )
