# The build stage has the compiler that better-sqlite3 may need; the image that runs has none.
FROM node:24-slim AS build
RUN apt-get update \
  && apt-get install --yes --no-install-recommends python3 make g++ \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /opt/stairgate
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY blocklists blocklists
COPY config config
COPY LICENSE ./
# The default `./data`, so that every command in the container works without --data-dir.
RUN install --directory --owner=node --group=node --mode=0700 data
USER node
VOLUME /opt/stairgate/data
EXPOSE 5300/udp 5300/tcp
# SIGTERM (the default) finishes what is in flight, then exits 0.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "dist/main.js", "health"]
# Garbage is collected by the thread that made it, at its priority (docs/adr/0014-who-waits-for-whom.md).
ENTRYPOINT ["node", "--single-threaded-gc", "dist/main.js"]
# DNS on all addresses of the container. The API stays on the container's loopback: `docker exec`.
CMD ["serve", "--listen", "0.0.0.0:5300", "--listen", "[::]:5300"]
