/**
 * The admin API: resources under /api/v1, its description at /api/docs (OpenAPI 3.1, JSON at
 * /api/docs/json), health and metrics.
 *
 *     error of each step        step
 *     408, 431                  head and body in time and in size (node:http)
 *     421, 429, 401, 403   ◀   onRequest: host, token, role          (auth)
 *     413, 415, 400        ◀   body: JSON, one megabyte, 32 levels
 *     400                  ◀   schema, all faults                    (validation)
 *     4xx, 5xx             ◀   the route: store, then publish        (routes/*)
 *
 * It holds no state of its own but the count of wrong tokens.
 */

import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { fastify, type FastifyBaseLogger } from 'fastify';
import type { Config } from '../config/config.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { MetricsPage } from '../metrics/metrics-page.ts';
import { AnswerLinks } from '../store/answer-link.ts';
import type { ControlPlane } from '../supervisor/control-plane-contract.ts';
import type { ApiInstance, ApiTypeProvider } from './api-instance.ts';
import { addAuthentication } from './auth.ts';
import { ProblemSchema, sendError } from './problem.ts';
import { addAnswerRoutes } from './routes/answers.ts';
import { addAppealRoutes } from './routes/appeals.ts';
import { addAttestationRoute } from './routes/attestation.ts';
import { addAuditRoutes } from './routes/audit.ts';
import { addDeskPage } from './routes/desk-page.ts';
import { addDeskRoutes } from './routes/desk.ts';
import { addGrantRoutes } from './routes/grants.ts';
import { addHealthRoutes } from './routes/health.ts';
import { addListContentRoutes } from './routes/list-contents.ts';
import { addListUsageRoute } from './routes/list-usage.ts';
import { addListEntryRoutes } from './routes/list-entries.ts';
import { addListUpdateRoutes } from './routes/list-updates.ts';
import { addListVersionRoutes } from './routes/list-versions.ts';
import { addPolicyDataRoutes } from './routes/policy-data.ts';
import { addPolicyRoutes } from './routes/policy.ts';
import { addProfileRoutes } from './routes/profiles.ts';
import { addRequestRoutes } from './routes/requests.ts';
import { addRecordRoutes } from './routes/records.ts';
import { addResourceRoutes } from './routes/resources.ts';
import { addRuleRoutes } from './routes/rules.ts';
import { addSessionRoutes } from './routes/sessions.ts';
import { addSubscriberRoutes } from './routes/subscribers.ts';
import { addTokenRoutes } from './routes/tokens.ts';
import { addViewRoute } from './routes/view.ts';
import { checkDepth, compileValidator } from './validation.ts';

const BODY_BYTES_MAX = 1024 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 1_000;

export interface ApiOptions {
  readonly version: string;
  /** Host names, beside `localhost` and IP addresses, under which the API may be asked. */
  readonly allowedHosts?: readonly string[];
  readonly logger?: FastifyBaseLogger;
  /** Left out: there is no desk. */
  readonly desk?: Config['desk'];
  readonly clock?: Clock;
}

/** @returns an instance that is ready to `listen`; `close` lets requests in flight finish */
export async function createApi(
  controlPlane: ControlPlane,
  options: ApiOptions,
): Promise<ApiInstance> {
  const clock = options.clock ?? systemClock;
  const wallMs = (): number => clock.wallMs();
  const monotonicMs = (): number => clock.monotonicMs();
  const links = AnswerLinks.load(controlPlane.store.dataDir);
  const app: ApiInstance = fastify({
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    // What the router itself refuses, such as a broken escape in a path, passes no error handler.
    frameworkErrors: (error, request, reply) => {
      sendError(error, request, reply);
    },
    routerOptions: { maxParamLength: 1_024 },
    ...(options.logger === undefined ? {} : { loggerInstance: options.logger }),
  }).withTypeProvider<ApiTypeProvider>();
  app.server.headersTimeout = HEADERS_TIMEOUT_MS;
  app.server.maxConnections = CONNECTIONS_MAX;
  app.removeContentTypeParser('text/plain');
  app.setValidatorCompiler(compileValidator);
  // Answers are our own data; the schemas of answers are for the description.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.setErrorHandler(sendError);
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const error = new AppError('ROUTE_UNKNOWN', `There is no ${request.method} ${path}`);
    return sendError(error, request, reply);
  });
  app.addHook('preValidation', (request, _reply, done) => {
    checkDepth(request.body);
    done();
  });
  const metrics = new MetricsPage();
  app.addHook('onResponse', (request, reply, done) => {
    metrics.countRequest(request.method, reply.statusCode);
    done();
  });
  addAuthentication(app, controlPlane.store, {
    allowedHosts: options.allowedHosts ?? [],
    monotonicMs,
  });
  await addDescription(app, options.version);
  addHealthRoutes(app, controlPlane, metrics);
  addResourceRoutes(app, controlPlane);
  addListUsageRoute(app, controlPlane);
  addListVersionRoutes(app, controlPlane);
  addListEntryRoutes(app, controlPlane);
  addSubscriberRoutes(app, controlPlane);
  addProfileRoutes(app, controlPlane);
  addViewRoute(app, controlPlane, wallMs);
  addGrantRoutes(app, controlPlane);
  addRequestRoutes(app, controlPlane, links, wallMs);
  addRecordRoutes(app, controlPlane, wallMs);
  addSessionRoutes(app, controlPlane, wallMs);
  addRuleRoutes(app, controlPlane);
  addTokenRoutes(app, controlPlane);
  addAuditRoutes(app, controlPlane);
  addPolicyRoutes(app, controlPlane);
  addPolicyDataRoutes(app);
  addListUpdateRoutes(app, controlPlane);
  addAppealRoutes(app, controlPlane);
  const { desk } = options;
  if (desk?.enabled === true) {
    const shared = addDeskRoutes(app, controlPlane, { desk, metrics, monotonicMs });
    await app.register((scope, _options, done) => {
      addDeskPage(scope.withTypeProvider<ApiTypeProvider>(), controlPlane, shared);
      done();
    });
  }
  addAttestationRoute(app, controlPlane);
  await app.register((scope, _options, done) => {
    addListContentRoutes(scope.withTypeProvider<ApiTypeProvider>(), controlPlane);
    done();
  });
  await app.register((scope, _options, done) => {
    const typed = scope.withTypeProvider<ApiTypeProvider>();
    addAnswerRoutes(typed, controlPlane, { links, wallMs, monotonicMs });
    done();
  });
  await app.ready();
  return app;
}

async function addDescription(app: ApiInstance, version: string): Promise<void> {
  app.addSchema(ProblemSchema);
  await app.register(helmet, {
    // A browser would keep it for the host name, and with it for whatever else this machine serves.
    strictTransportSecurity: false,
    contentSecurityPolicy: {
      // The API speaks plain HTTP on loopback; upgrading would break its own pages.
      directives: { upgradeInsecureRequests: null },
    },
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Stairgate admin API',
        version,
        description:
          'Errors are application/problem+json with a stable code. Writes answer with the revision that holds them; ?wait=true answers when it is in force. What GET gives may be edited and PUT as it is: read-only fields of a body are passed over, and If-Match with the ETag guards against lost updates.',
      },
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      },
      security: [{ token: [] }],
    },
  });
  await app.register(swaggerUi, { routePrefix: '/api/docs', staticCSP: true });
}
