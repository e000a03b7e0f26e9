"""supermemory (Python): every method, with the client's own check of each answer against its types."""

import asyncio

import supermemory
from supermemory import AsyncSupermemory, Supermemory

from calls import API_KEY, BASE_URL, acall, call

TAG = "client_python"
client = Supermemory(
    api_key=API_KEY, base_url=BASE_URL, max_retries=0, _strict_response_validation=True
)
documents = client.documents


def need(condition, what=""):
    assert condition, what


added = call("add", lambda: client.add(content="Ada plays the violin.", container_tag=TAG))
other = call(
    "documents.add",
    lambda: documents.add(
        content="# House\n\nThe boiler is serviced every October.",
        container_tags=[TAG],
        custom_id="house",
        metadata={"topic": "house", "year": 2026, "tags": ["a", "b"], "done": True},
    ),
)
call(
    "documents.batch_add",
    lambda: need(
        documents.batch_add(documents=["first text", "second text"], container_tag=TAG).success == 2
    ),
)
file = call(
    "documents.upload_file",
    lambda: documents.upload_file(file=("cat.txt", b"The cat sleeps."), container_tags=TAG),
)
call("documents.get by id", lambda: need(documents.get(added.id).content == "Ada plays the violin."))
call("documents.get by custom id", lambda: need(documents.get("house").id == other.id))
call(
    "documents.update",
    lambda: documents.update("house", content="The boiler is serviced every May.", metadata={"year": 2027}),
)
call(
    "documents.list",
    lambda: need(documents.list(container_tags=[TAG], limit=3, include_content=True).pagination.total_items == 5),
)
call(
    "documents.list with filters",
    lambda: need(
        len(
            documents.list(
                container_tags=[TAG],
                filters={"AND": [{"key": "topic", "value": "house"}]},
            ).memories
        )
        == 1
    ),
)
call("documents.list_processing", lambda: need(documents.list_processing().total_count == 0))
call(
    "search.documents",
    lambda: need(client.search.documents(q="boiler", container_tags=[TAG]).results[0].document_id == other.id),
)
call("search.execute", lambda: need(client.search.execute(q="boiler", container_tag=TAG).total >= 1))
call(
    "search.memories",
    lambda: need("violin" in client.search.memories(q="violin", container_tag=TAG).results[0].memory),
)
call(
    "search.memories hybrid with documents",
    lambda: need(
        client.search.memories(
            q="boiler", container_tag=TAG, search_mode="hybrid", include={"documents": True}
        ).results
    ),
)
call("profile", lambda: need(client.profile(container_tag=TAG).profile.dynamic))
call("profile with a question", lambda: need(client.profile(container_tag=TAG, q="violin").search_results.results))
changed = call(
    "memories.update_memory",
    lambda: client.memories.update_memory(
        container_tag=TAG, content="Ada plays the violin.", new_content="Ada plays the cello."
    ),
)
call(
    "memories.forget",
    lambda: need(client.memories.forget(container_tag=TAG, id=changed.id, reason="test").forgotten),
)
call("settings.get", lambda: client.settings.get())
call("settings.update", lambda: client.settings.update(should_llm_filter=True, filter_prompt="notes"))
call("connections.list", lambda: need(client.connections.list() == []))


def refused(work, kind):
    try:
        work()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


call("404 is NotFoundError", lambda: refused(lambda: documents.get("x" * 22), supermemory.NotFoundError))
call(
    "400 is BadRequestError",
    lambda: refused(lambda: documents.delete_bulk(), supermemory.BadRequestError),
)
call(
    "401 is AuthenticationError",
    lambda: refused(
        lambda: Supermemory(api_key="sm_wrong", base_url=BASE_URL).documents.get("house"),
        supermemory.AuthenticationError,
    ),
)
call("documents.delete", lambda: documents.delete(file.id))
call(
    "documents.delete_bulk by ids",
    lambda: need(documents.delete_bulk(ids=[added.id, "unknown"]).deleted_count == 1),
)
call(
    "documents.delete_bulk by container",
    lambda: need(documents.delete_bulk(container_tags=[TAG]).deleted_count == 3),
)


async def asynchronous():
    async with AsyncSupermemory(
        api_key=API_KEY, base_url=BASE_URL, max_retries=0, _strict_response_validation=True
    ) as one:
        await acall("async: 20 writes at once", lambda: asyncio.gather(
            *(one.add(content=f"note {i}", container_tag=TAG, custom_id=f"n{i}") for i in range(20))
        ))

        async def listed():
            page = await one.documents.list(container_tags=[TAG], limit=20)
            need(page.pagination.total_items == 20, page.pagination)

        await acall("async: list", listed)


asyncio.run(asynchronous())
