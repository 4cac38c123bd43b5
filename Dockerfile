# Tuwen as one image: the driver (`tuwen …`) and the worker that an engine starts (/opt/apache/beam/boot).
#
#   docker build -t tuwen:0.1.0 .                 or: make image
#   docker run --rm -v "$PWD:/work" tuwen:0.1.0 run --seeds seeds.toml --out corpus --recipe wukong
#
# Beam's own image has a compiler, so it builds the wheels and gives its starter; what is shipped has neither.
FROM apache/beam_python3.11_sdk:2.77.0 AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY crawlers crawlers
COPY engines engines
COPY filters filters
COPY schemas schemas
COPY pipelines pipelines
COPY recipes recipes
RUN pip wheel --no-cache-dir -c constraints.txt -w /wheels .

FROM python:3.11.14-slim-bookworm
# Python writes no bytecode into a layer, and says at once what it says. Beam's starter takes the Python that is there:
# else it makes an environment of its own for each worker, where a user without rights may not write.
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index /wheels/*.whl \
    && useradd --create-home --uid 1000 tuwen
COPY --from=build /opt/apache/beam /opt/apache/beam
# An engine that starts workers from images gives them /opt/apache/beam/boot as their entry point, and Dataflow does so
# as the user that it needs; everything else here runs without rights.
USER 1000
WORKDIR /work
ENTRYPOINT ["/usr/local/bin/tuwen"]
